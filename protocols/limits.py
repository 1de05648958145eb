"""Every bound of the wire, in one table. Sizes in bytes, times in milliseconds, unless said otherwise."""

from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

PROTOCOL_VERSION: Final = 1

# Codec. Decoding msgpack inflates up to 70 times, so what is decoded is bounded first.
MAX_FRAME: Final = 64 * 1024
MAX_DEPTH: Final = 16
MAX_CONTAINER: Final = 4_096
MAX_INT: Final = 2**53 - 1  # what every language holds exactly
MIN_INT: Final = -MAX_INT

# Records
MAX_RECORD: Final = 20 * 1024  # the whole wire form
MAX_PAYLOAD: Final = 16 * 1024
MAX_KIND: Final = 32
# Signing domains of what is no record: no kind may bear their name, or one signature could be read as two things.
RESERVED_KINDS: Final = frozenset(
    {"entry", "fact", "invite", "redeem", "countersign", "rating", "token", "receipt", "message"}
)
MAX_NAME: Final = 32
MAX_EPOCH: Final = 1_000
MAX_SCOPE: Final = 6  # geohash characters; a seventh singles out a house, the sixth already a farm
MAX_LIFETIME: Final = 90 * DAY
# Statements that later ones rest on outlive a listing: a rating counts for years, a key change for ever.
FOREVER: Final = MAX_INT
DURABLE_LIFETIME: Final = 5 * 365 * DAY
DURABLE_KINDS: Final = frozenset({"rotation", "attestation", "redemption", "vouch", "misconduct"})
# What nobody can take back: an empty payload in such a slot would pass for the real thing, or undo a key change.
FINAL_KINDS: Final = frozenset({"genesis", "rotation", "redemption"})
REPLICA_LIFETIME: Final = 30 * DAY  # of the word that somebody's listings are held
MAX_SKEW: Final = 10 * MINUTE  # how far another's clock may be ahead of ours

# What the DHT keeps of an author
MAX_PRESENCE: Final = 4 * 1024  # the whole wire form
MAX_PRESENCE_ROTATIONS: Final = 8
PRESENCE_LIFETIME: Final = 3 * DAY

# Fields
MAX_TOKEN: Final = 32
MAX_TITLE: Final = 120
MAX_TEXT: Final = 4_000
MAX_SHORT_TEXT: Final = 1_000
MAX_PERSON_NAME: Final = 64
MAX_TAGS: Final = 16
MAX_PHOTOS: Final = 12  # of one listing
MAX_PHOTO: Final = 200 * 1024  # the whole file
MAX_PHOTO_SIDE: Final = 1_280  # pixels
MAX_PHOTO_SCANS: Final = 4  # each costs whoever shows it a look at all pixels
MAX_PHOTO_PIECE: Final = 60 * 1024  # of a photo in one frame
MAX_SLOTS: Final = 256
MAX_LAN_ADDRESSES: Final = 4  # of a service on a local network
MAX_ADDRESSES: Final = 16
MAX_ADDRESS: Final = 256
MAX_PEERS_PER_PROFILE: Final = 4
MAX_CELLS: Final = 64
MAX_FOUNDERS: Final = 64
MAX_DECIMALS: Final = 6
MAX_UNIT: Final = 16
MAX_LANGUAGES: Final = 8
MAX_LANGUAGE: Final = 16
MAX_RULE: Final = 512
MAX_ZONE: Final = 64
MAX_QUANTITY: Final = 1_000_000
MAX_QUOTA: Final = 100_000  # records that a genesis may grant one author
MAX_DIMENSIONS: Final = 8
MAX_PROOF: Final = 12 * 1024  # the entry that proves the deal behind an attestation
MAX_MISCONDUCT_PROOF: Final = 15 * 1024
MAX_FINDERS: Final = 8  # of one fact of misconduct, whose records are kept
MAX_INVITE: Final = 2 * 1024  # token, signature and inception
MAX_INVITE_NOTE: Final = 200
MAX_INVITE_USES: Final = 1_000
MAX_LINK_ADDRESSES: Final = 8
MAX_LINK: Final = 8 * 1024  # characters
MAX_VOUCH_ENTRY: Final = 4 * 1024
MAX_BLOCKLIST_NAME: Final = 64  # characters
MAX_BLOCKLIST_TEXT: Final = 200  # characters of a reason, and of what a list is about
MAX_BLOCKLIST_ENTRIES: Final = 64  # of one page
MAX_BLOCKLIST_PAGES: Final = 16  # of one list

# Exchanges and ledger
MAX_TERMS: Final = 7 * 1024  # twice in an AGREE entry: in the fact that it embeds, and in its private payload
MAX_FACT: Final = 8 * 1024  # the whole wire form
MAX_FACTS: Final = 128  # of one party in one exchange
MAX_DUTIES: Final = 64
MAX_HISTORY: Final = 4 * 1024 * 1024  # of one exchange: 3 x 128 facts of 8 KiB, payments, receipts
MAX_SEALED: Final = 4 * 1024  # an address or a phone number, sealed to the other party
MAX_SHOWN_ROTATIONS: Final = 128  # of all who signed in a file that stands by itself
MAX_AGREEMENTS: Final = 16  # that one double booking is shown with, and facts that rebut it
MAX_CHALLENGE: Final = 3 * MAX_AGREEMENTS * (MAX_FACT + 16)
SEALED_STEP: Final = 256  # what is sealed is as long as the next multiple of this
MAX_CONTACT_ADDRESS: Final = 240  # characters
MAX_CONTACT_PHONE: Final = 40
MAX_CONTACT_TEXT: Final = 400
MAX_SHARES: Final = 16  # of the proceeds of one exchange
MAX_INSTALMENTS: Final = 12
MAX_CLAIMS_OF_PAYMENT: Final = 16  # that one payment is offered as, one after another, until one is accepted
MAX_TEMPLATE: Final = 16 * 1024  # characters of the file of a kind
MAX_TEMPLATE_DEPTH: Final = 8  # dots in a key, brackets in one another: parsing takes their square
MAX_TEMPLATE_DUTIES: Final = 12  # so many texts fit into one fact
MAX_LEGS: Final = 12  # of one barter
MAX_ENTRY: Final = 16 * 1024  # header, signature and both payloads
MAX_HALF: Final = 4 * 1024
MAX_CLAIM_NOTE: Final = 200  # characters
MAX_WITNESSES: Final = 7  # of one payment

# Custody of parcels. The half of a receipt is shown as one QR code.
MAX_RECEIPT_PAYLOAD: Final = 272
MAX_RECEIPT_HALF: Final = 640  # the whole wire form
MAX_RECEIPT: Final = 800
MAX_RECEIPT_PHOTOS: Final = 4
MAX_RECEIPTS: Final = 64  # of one parcel that are kept, and shown in one text
MAX_TOLD: Final = 48  # receipts in one answer to who asks for his own,
MAX_TOLD_HALVES: Final = 16  # and halves
MAX_RECEIPT_TEXT: Final = 128 * 1024  # characters

# Messages between neighbours. What has no room yet waits at its sender, who is told.
MAX_MESSAGE_TEXT: Final = 1_000  # characters
MAX_MESSAGE: Final = 5 * 1024  # sealed
MAX_MESSAGES: Final = 4_096  # kept, of all correspondents
MAX_MESSAGES_OF_ONE: Final = 256  # correspondent, both ways; of those that were read the oldest give way
MAX_MESSAGES_QUEUED: Final = 64  # for one correspondent
MAX_MESSAGES_UNREAD: Final = 64  # of one correspondent
MAX_MESSAGES_A_MINUTE: Final = 20  # taken from one
MAX_MESSAGES_OF_STRANGER: Final = 4  # until our user has answered
MAX_MESSAGES_OF_STRANGERS: Final = 64  # of all of them, unread; those of who is no member, half of that
MESSAGE_REMEMBERED: Final = 30 * DAY  # that one was erased: a copy is not taken again

MAX_SHOWN: Final = 128  # entries of a chain in one frame

# Gossip
GOSSIP_FRAME: Final = 60 * 1024  # what a sender fills; the receiver takes MAX_FRAME
MAX_RANGES: Final = 2_048  # in one message
MAX_LIST: Final = 1_024  # items of one range
MAX_HAVE: Final = 900
MAX_WANT: Final = 256
MAX_BATCH: Final = 1_024  # records in one frame
MAX_NUMBER: Final = 2**32 - 1  # of a turn or a request

# Search
MAX_SEARCH_TEXT: Final = 200  # characters of a query that is put to others
MAX_ANSWERED: Final = 100  # records in one answer
