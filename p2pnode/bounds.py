"""The node's own bounds, beside those of the wire in `protocols.limits`. Times in milliseconds."""

from typing import Final

from protocols.limits import DAY, HOUR, MINUTE, SECOND

# Neighbours
WANTED_OUTBOUND: Final = 8  # connections we make by ourselves; those that others make do not count, however many
ANY_OUTBOUND: Final = 2  # of them to anybody, so that a crowd of members cannot have all
BY_CELL: Final = 4  # of them, at most, by what the others keep; in several networks as many in each, 6 in all
BY_CELL_EVERY: Final = 20 * SECOND  # one that is not for the better gives way to one that is
VISIT_EVERY: Final = 2 * MINUTE  # a connection to somebody else, to compare what both hold
VISIT_LOST_EVERY: Final = 8 * SECOND  # an attempt at one that was a neighbour
LOST_AFTER: Final = 10 * SECOND  # who was connected for less hung up on us
LOST_FOR: Final = HOUR  # not longer ago than this; a house that has gone to bed is not called all night
MAX_LOST: Final = 64
VISIT: Final = 30 * SECOND  # how long it stays
HELLO_WITHIN: Final = 15 * SECOND  # who has not said by then that it is in a network of ours is taken not to be
MAX_HEARD: Final = 1_024  # peers that the DHT has named for a cell
UNREACHED_SOUGHT: Final = 3  # cells that none of our connections keeps, looked up at a time beside our own
OUTBOUND_OF_GROUP: Final = 2  # of them into one /24 of public addresses
ANCHORS: Final = 2
ANCHOR_AFTER: Final = 10 * MINUTE  # of service
FEELER_EVERY: Final = 2 * MINUTE
DIAL_WITHIN: Final = 30 * SECOND  # without an answer it counts as failed
DIAL_BACKOFF_MIN: Final = 3 * SECOND
DIAL_BACKOFF_MAX: Final = HOUR
DIAL_BACKOFF_WANTED: Final = 30 * SECOND  # for a peer that somebody waits for: a join, an exchange under way
DIAL_BACKOFF_ALONE: Final = MINUTE  # while nobody at all is connected
DIAL_BACKOFF_NO_ROUTE: Final = 5 * MINUTE  # where it is our own network that is missing
OFFLINE_MAX: Final = 30 * SECOND  # from one try to the next while there is no network

# Reachability
REACH_WITNESSES: Final = 2  # peers that are to say the same before we tell others that we can be dialled there
REACH_ASKED: Final = 3  # peers asked at a time
REACH_FIRST: Final = 5 * SECOND  # after the start, or a change of address
REACH_AGAIN: Final = MINUTE  # while too few have answered
REACH_RENEWED: Final = HOUR
REACH_KEPT: Final = 6 * HOUR  # of an answer
REACH_EVERY: Final = 60.0  # seconds: so often at most a peer, or a block of addresses, is dialled back
REACH_RATE: Final = 0.2  # dials back a second, for all together
REACH_BURST: Final = 10

# Address book
ADDRESSES_OF_ONE: Final = 8  # peer
BUCKET: Final = 8  # peers
NEW_BUCKETS: Final = 64
SOURCE_BUCKETS: Final = 8  # of them for what one group of addresses tells
TRIED_BUCKETS: Final = 32
GROUP_IN_BUCKET: Final = 2  # peers of one /24 (IPv6 /48) of public addresses
GROUP_IN_TABLE: Final = 10
MAX_NAMED: Final = 256  # peers that our user named
MAX_CALLERS: Final = 128  # peers that dialled us, and of which no address is known

# The local network. Times of the first two in milliseconds, else seconds; a question's in milliseconds.
LAN_AGAIN: Final = 10 * MINUTE  # the book is told once more of a peer that is announced as before
LAN_TRIES: Final = 10  # peers of which it is told within a minute
MAX_LAN_FINDS: Final = 64  # peers of our networks that count; more are left out
MAX_LAN_SERVICES: Final = 256  # announced, of whomever; more are left out
MAX_LAN_NEW: Final = 2_048  # names heard of, after which all is forgotten and heard anew: each takes memory for years
MAX_LAN_QUESTIONS: Final = 8  # asked in one look about what was announced in part
LAN_ANSWER: Final = 500  # so long each is waited for
LAN_LOOK: Final = 5.0  # whether something else is to be announced
LAN_GATHERED: Final = 1.0  # what is announced together is looked at together
LAN_RENEWED: Final = 60.0  # all is looked at again; where the local network could not be used that is tried again

# Rendezvous
RENDEZVOUS_FIRST: Final = 5 * SECOND
SEEK_EVERY: Final = 30 * SECOND  # a peer that somebody waits for, in the DHT
RENDEZVOUS_EVERY: Final = 2 * MINUTE  # twice as long each time that nobody new is found
RENDEZVOUS_SELDOM: Final = 32 * MINUTE
RENDEZVOUS_LOOK: Final = MINUTE  # so often it is seen what has to be provided
MAX_PROVIDED_KEYS: Final = 128
PRESENCE_EVERY: Final = 30 * MINUTE  # at most, when our profile or ledger changes
MAX_REMEMBERED: Final = 256  # peers of the address book that the routing table begins with

# Joining
JOIN_RETRY: Final = 5 * SECOND
JOIN_ANSWER_WITHIN: Final = 8 * SECOND  # then the command says "trying"
JOIN_KEPT: Final = 7 * DAY  # a join that nobody answers is given up then
LEAVING_LOOK: Final = 5 * SECOND  # so often it is seen whether anybody knows that our listings ended
LEAVING_TOLD: Final = 7 * DAY  # nobody is told any more then: by and by the listings end by themselves
MAX_INVITE_CHAIN: Final = 256  # from a member back to a founder, where a network is open
MAX_INVITERS: Final = 65_536  # redemptions of which it is remembered who let in
INVITE_LIFETIME: Final = 30 * DAY

# Outbox
RESEND_MIN: Final = 2 * SECOND
RESEND_MAX: Final = 5 * MINUTE
MAX_OUTBOX: Final = 4_096

# The clock
EARLIEST: Final = 1_767_225_600_000  # 2026-01-01: no clock that is right shows an earlier date
CLOCK_BACK: Final = DAY  # a clock further behind the last time it was believed is not believed alone
CLOCK_AHEAD: Final = 30 * DAY  # further ahead, likewise: so long a node may have been off
CLOCK_WRONG: Final = DAY  # off from most neighbours: then nothing is signed
CLOCK_KEPT_EVERY: Final = HOUR
CLOCK_UNHEARD: Final = 10 * MINUTE  # so long after a start a clock is not remembered unless neighbours confirm it

# Records
LEASE_EVERY: Final = DAY
LISTING_LIFETIME: Final = 30 * DAY
RENEW_BEFORE: Final = 7 * DAY
RENEW_SPREAD: Final = 2 * DAY  # up to so much sooner, so that not all are signed again at once
HELD_AGAIN: Final = HOUR  # so long nothing is said anew of listings that have not changed
MAX_HOLDERS: Final = 128  # authors whose word is kept that they hold our listings; the oldest give way
EXPIRE_EVERY: Final = MINUTE
REQUEST_KEPT: Final = DAY
MAX_STORED: Final = 16 * 1024 * 1024  # bytes of one value in our own store

# A disk nearly full. Bytes; of a small file system less: a twentieth, and three of them.
DISK_LOW: Final = 200 * 1024 * 1024  # below it a node keeps fewer cells,
DISK_ENOUGH: Final = 600 * 1024 * 1024  # from it on more again
NARROW_AFTER: Final = 10 * MINUTE  # from one step to the next: what was deleted is freed by and by
WIDEN_AFTER: Final = HOUR
SHED_AT_ONCE: Final = 200  # records deleted in one step of the core
SHED_EVERY: Final = 100

# Exchanges
CALENDAR_AHEAD: Final = 30 * DAY  # what the calendar shows, unless our user says otherwise
PROPOSAL_LIFETIME: Final = 7 * DAY
SHORTEST_ANSWER: Final = HOUR  # of a proposal for a time that begins sooner
OFFER_HOLD: Final = 12 * HOUR  # of an owner's own terms that take a time: it is held until they lapse
PAYMENT_EXPIRY: Final = 7 * DAY
RATING_WINDOW: Final = 14 * DAY
MAX_OPEN_PER_STRANGER: Final = 16  # proposals of one author that wait for our answer
MAX_COUNTERS: Final = 16  # counter-proposals of one party in one exchange: each is read again with every new step
MAX_EXCHANGES: Final = 10_000  # that are not put away
PUT_AWAY_AFTER: Final = 56 * DAY  # what has ended, since the last word in it: longer than a rating is sealed
PUT_AWAY_AT_ONCE: Final = 64  # in one step of the core
LOOKED_AT_ONCE: Final = 64  # exchanges that time has changed, in one step of the core
MAX_UNAGREED: Final = 1_024  # of them not agreed; strangers fill half of that at most
FORGET_AFTER: Final = 30 * DAY  # what came to nothing
RULING_KEPT: Final = 180 * DAY  # what we mediate, since the last word in it
CONTACT_KEPT: Final = 7 * DAY  # a sealed contact, after its exchange is over
CONTACT_UNSEEN: Final = 90 * DAY  # an exchange in which nothing has happened for so long counts as over
MAX_CONTACTS: Final = 16  # of one party in one exchange, those that were replaced or erased among them
MAX_RULES: Final = 64  # standing rules
MAX_ORDERS: Final = 64  # standing orders
MAX_TASKS: Final = 1_000  # of one project
TASKS_AT_ONCE: Final = 16  # published in one step
TASK_STEPS_AT_ONCE: Final = 16  # tasks of a project that are confirmed or paid in one step: each signs and is delivered
TASK_FREED_AFTER: Final = HOUR  # its time: a word said in time may be under way
TASK_HEARD_FOR: Final = 10 * MINUTE  # by a node that was off until then, before it frees a task
CLAIMS_AT_ONCE: Final = 8  # tasks of one project that we have proposed to do and wait for: the organiser keeps 16 of us
MAX_CLAIMED: Final = 64  # projects of others of which we claim tasks
ORDER_AHEAD: Final = 3 * DAY  # so long before an occurrence it is proposed
ORDER_RETRY: Final = 15 * MINUTE  # where it could not be
ORDER_REMEMBERED: Final = 64  # occurrences of one order, the newest
ASK_WITNESSES_AFTER: Final = MINUTE  # at most, from the expiry of a payment: an answer may still be under way
TELL_CALLED_OFF: Final = 30 * DAY  # the payee of a payment that witnesses called off, if it does not answer
SHORTEST_EXPIRY: Final = 10 * SECOND
VERDICT_KEPT: Final = 180 * DAY  # what this node decided as a witness
MAX_VERDICTS: Final = 10_000  # each costs an entry of our ledger; for who is no member, a quarter of it
MAX_VERDICTS_OF_ONE: Final = 256  # payer
MAX_VOUCHES_OF_ONE: Final = 16  # taken from one author, ever, in all networks
MAX_VOUCHES_TAKEN: Final = 1_000  # of all others together: each costs an entry of our ledger
MAX_VOUCH_OFFERS: Final = 64  # vouches that wait for our user; of who is no member, half of that
MAX_VOUCH_OFFERS_OF_ONE: Final = 4
MAX_PARTS_TAKEN: Final = 4_096  # of vouches taken, returned or taken over; strangers cause a quarter of that at most
MAX_PARCELS: Final = 4_096  # of which custody receipts are kept
MAX_OFFERED_PARCELS: Final = 256  # that wait for our user to take them; those of who is no member, half of that
MAX_OFFERED_PARCELS_BY_ONE: Final = 16
PARCEL_OFFER_LIFE: Final = 30 * DAY  # what was offered so long ago is taken no more
RECEIPTS_KEPT: Final = 400 * DAY  # since the newest, of a parcel that belongs to no exchange of ours any more
MAX_CLAIMS: Final = 10_000
MAX_CLAIMS_OF_ONE: Final = 16  # proposed by one author, that our user has not accepted
MAX_CLAIMS_UNDECIDED: Final = 256  # of all others together; strangers fill a quarter of that at most
DEFAULT_AFTER: Final = 90 * DAY  # without a sign of life, who owes is said to have left owing

# Audits of other ledgers
MAX_AUDITS: Final = 4  # under way at the same time
MAX_AUDITED: Final = 200_000  # entries of one chain
AUDIT_WITHIN: Final = 20 * SECOND  # for the first page, and from each page to the next
AUDIT_ASK_AGAIN: Final = 3 * SECOND
SHOW_EVERY: Final = 50  # no more than one page of our chain in this time, whoever asks

# The loop
STEPS_PER_COMMIT: Final = 64  # events handled before their batches are committed together
LONGEST_TURN: Final = 0.02  # seconds of steps until others get their turn, and what is done so far is committed
QUEUE: Final = 256  # events; each may hold a frame
STOP_WITHIN: Final = 2 * SECOND
STATUS_SAID_EVERY: Final = 20 * SECOND  # to who started us, if they want to hear it; the loop is turned for it
LOOK_AT_ADDRESSES: Final = 60.0  # seconds between looks at the addresses of this machine's interfaces
CLOCK_LOOKED_AT: Final = 15 * SECOND  # so soon it is noticed that it was set, or that the machine slept
REOPEN_EVERY: Final = 5 * SECOND  # after the disk refused

# Host: connections and streams. Sizes in bytes, times in seconds (trio's clock).
DIAL_TIMEOUT: Final = 5.0  # per address, connection and handshake together
DIAL_TOTAL: Final = 20.0  # all addresses of a peer together
DIAL_STAGGER: Final = 0.25  # head start of one address of a peer over the next (RFC 8305)
HANDSHAKE_TIMEOUT: Final = 5.0
RESOLVE_TIMEOUT: Final = 5.0
STOP_TIMEOUT: Final = 1.0  # how long a stop waits for the event being handled
SIMULTANEOUS: Final = 5.0  # two connections this close together are two sides dialling at once
MAX_CONNECTIONS: Final = 256
MAX_CONNECTIONS_PER_ADDRESS: Final = 64  # of an IPv4 address, of an IPv6 /64
MAX_CONNECTIONS_PER_BLOCK: Final = 128  # of an IPv4 /24, of an IPv6 /48; not of private ones: a LAN is one block
PROTECTED_BLOCKS: Final = 8  # who does not give way when there is no room: of so many address blocks the oldest one,
PROTECTED_QUICK: Final = 8  # so many that answer quickest,
PROTECTED_USEFUL: Final = 8  # so many that brought something new last, and the older half of the rest
IDLE_CONNECTION: Final = 120.0  # one that came in and on which nothing is said
MAX_PENDING: Final = 128  # handshakes not yet finished
MAX_PENDING_PER_ADDRESS: Final = 32
MAX_RESOLVED: Final = 8  # addresses taken from one name
MAX_DIAL_ADDRESSES: Final = 16
EVENT_BACKLOG: Final = 16  # events read from the network and not yet handled
MAX_SEND_QUEUE: Final = 4 * 1024 * 1024  # of frames per peer that wait to be sent
MAX_SEND_FRAMES: Final = 4_096

# Multiplexer
MAX_INBOUND_STREAMS: Final = 32  # per connection
MAX_STREAMS_PER_PROTOCOL: Final = 2  # per connection, opened by the peer
MAX_BUFFERED: Final = 2 * 1024 * 1024  # received and not yet read, per connection
MAX_POOL: Final = 16 * 1024 * 1024  # received and not yet handled, all connections together
FRAME_OVERHEAD: Final = 80  # what Python adds to each frame that waits to be handled
MAX_SEND_POOL: Final = 16 * 1024 * 1024  # waiting to be sent, all connections together
MUX_RATE: Final = 4_000  # messages of Noise and frames of yamux per second and connection; more wait
MUX_BURST: Final = 16_000
MAX_EMPTY_MESSAGES: Final = 16  # of Noise, one after the other
MAX_DISCARDED: Final = 4 * 1024 * 1024  # into streams that no longer exist, per connection
MAX_CONTROL_BACKLOG: Final = 64 * 1024
MAX_WRITE_BACKLOG: Final = 256 * 1024
MAX_DIRECT_FRAMES: Final = 64  # that wait in a multiplexer; more are gathered above it
WRITE_TIMEOUT: Final = 20.0
STREAM_LINGER: Final = 10.0  # a stream that we closed and the peer did not
NEGOTIATION_TIMEOUT: Final = 5.0
MAX_NEGOTIATION_MESSAGE: Final = 1024
MAX_NEGOTIATION_MESSAGES: Final = 16
RPC_STREAM_TIMEOUT: Final = 10.0  # a stream of a request-and-answer protocol, from opening to end

# Guard. Rates per peer or per source address; times in milliseconds.
FRAME_RATE: Final = 500  # per second
FRAME_BURST: Final = 2_000
REQUEST_COST: Final = 20  # frames that a request is worth
BYTE_RATE: Final = 4 * 1024 * 1024
BYTE_BURST: Final = 8 * 1024 * 1024
ACCEPT_RATE: Final = 50
ACCEPT_BURST: Final = 500
MAX_STRIKES: Final = 8
STRIKE_DECAY: Final = 60_000  # one strike is forgiven per this time
BAN_TIME: Final = 15 * 60_000
MAX_BANS: Final = 4_096  # those that followed from strikes; the oldest give way
MAX_BLOCKED: Final = 1_024  # by our user; none gives way
MAX_BAN_REASON: Final = 200  # characters
BLOCK_STRIKES: Final = 3 * MAX_STRIKES  # of all peers from one block of addresses: then it is refused for a while
BLOCK_STRIKE_DECAY: Final = 150_000  # one of them is forgiven per this time: three bans within an hour are too many
BLOCK_REFUSED_MIN: Final = 5 * 60_000  # twice as long each time
BLOCK_REFUSED_MAX: Final = 6 * 3_600_000
BLOCK_FORGOTTEN: Final = 24 * 3_600_000  # without a strike
REFUSED_RATE: Final = 0.5  # handshakes with a refused block, to see whether it is a neighbour that we know
REFUSED_BURST: Final = 8
MAX_TRACKED: Final = 4_096

# Rendezvous (DHT)
DHT_TIMEOUT: Final = 10.0
MAX_DHT_RECORD: Final = 4 * 1024

# Recovery
MAX_CONVICTED: Final = 1_024  # proofs of misconduct that count here; a quarter of that against who is no member
MAX_REBUTTALS: Final = 3  # of one double booking: with its proof they fit into 64 KiB
KEEPERS: Final = 8  # connected peers that keep our entries, besides those with whom we had to do
MAX_KEPT: Final = 20_000  # entries kept for others
MAX_KEPT_OF_ONE: Final = 1_024  # of one author: the newest
MAX_ASKED: Final = 16  # peers asked at a time for our own entries
MAX_FOUND: Final = 4_096  # own entries got back that wait for one before them
ASK_AGAIN: Final = 1_000
ASK_FOR: Final = 5_000  # so long a node in doubt listens for what its neighbours hold of its chain
ENOUGH: Final = 3  # if so many answer; where fewer do,
ASK_LONGER: Final = 20_000  # so long
ASK_RECEIPTS_AGAIN: Final = 10_000
MAX_PARTNERS: Final = 256  # of agreements that were lost, who must say which parcels they were given
HEADERS_AFTER: Final = 60_000  # then an entry of a payment is taken back without its payload, too

# Control API
MAX_BODY: Final = 256 * 1024  # bytes of one request
MAX_CALLS: Final = 32  # at the same time; more wait
MAX_LISTENERS: Final = 16  # of events, at the same time
EVENTS_KEPT: Final = 512  # events, for who comes back
EVENTS_WAITING: Final = 64  # of one listener; who has more waiting is told to look at everything again
EVENTS_TOGETHER: Final = 100  # ms, in which what was changed is told at once
EVENTS_BEAT: Final = 15  # seconds between signs of life on a quiet stream of events
SAMPLE_EVERY: Final = MINUTE  # of the node's figures
HISTORY_MINUTES: Final = 24 * 60  # samples kept, and
HISTORY_HOURS: Final = 90 * 24  # of the hours before
HISTORY_SAVED_EVERY: Final = 3 * HOUR  # some 200 KB: written seldom, for the sake of SD cards
MAX_HISTORY_FILE: Final = 1024 * 1024  # bytes
MAX_HEAD: Final = 16 * 1024  # bytes before the body
MAX_FIELDS: Final = 64  # of a head
HEAD_TIMEOUT: Final = 5.0  # seconds until the head is there
BODY_TIMEOUT: Final = 10.0  # from then until the body is
ANSWER_TIMEOUT: Final = 20.0  # for one piece of the answer to be taken
LINGER: Final = 1.0  # so long what a refused caller still sends is read, so that the reason reaches it
MAX_AT_DOOR: Final = 128  # connections of one door; more wait
WEB_RATE: Final = 100  # connections a second; more wait
WEB_BURST: Final = 300

# The page
WEB_PORT: Final = 7117  # of loopback, where the page is asked for and no port is set; any other, if it is taken
LINK_LIFE: Final = 5 * MINUTE  # of a link that logs in; good once
MAX_LINKS: Final = 8  # not used yet; the oldest goes
SESSION_LIFE: Final = 7 * DAY
MAX_SESSIONS: Final = 32  # the one that was used longest ago goes
WEB_LAN_PORT: Final = 7118  # on the local network; or one of the next, where it is taken
WEB_LAN_PORTS: Final = 8
LAN_RATE: Final = 30  # connections a second; more wait
LAN_BURST: Final = 100
TLS_TIMEOUT: Final = 5.0  # seconds for a handshake, with the waiting for a place
MAX_TLS_PENDING: Final = 64  # handshakes at a time; more wait
MAX_FROM_ONE: Final = 32  # connections of one address of the local network
DEVICE_LIFE: Final = 90 * DAY  # of a pairing
MAX_DEVICES: Final = 32  # the one that was used longest ago goes
MAX_DEVICE_NAME: Final = 60  # letters
SEEN_SAVED_EVERY: Final = HOUR  # when a device was seen last, for the sake of SD cards
MAX_GUESSES: Final = 5  # wrong pairing codes from one address; then it is locked out
GUESSES_LOCKED: Final = 15 * MINUTE
MAX_GUESSERS: Final = 256  # addresses of which that is known
CERTIFICATE_LIFE: Final = 397 * DAY
CERTIFICATE_RENEWED: Final = 30 * DAY  # before its end
MAX_CERTIFICATE_NAMES: Final = 16
MAX_UPLOAD: Final = 12 * 1024 * 1024  # bytes of a form with photos
MAX_UPLOADS: Final = 2 * MAX_UPLOAD  # bytes of such forms that are under way, of loopback, and of the local network
UPLOAD_LINE: Final = 15.0  # seconds that one waits for room; then it is to be sent again
MAX_FORM_FIELDS: Final = 256
PAGE_TIMEOUT: Final = 30.0  # seconds until a page says that the node is busy
MAX_FLASHES: Final = 4  # things that a session is still to be told
MAX_READ: Final = 1_000  # exchanges of which a session knows how it saw them last

# What our user is told of listings that arrive
MAX_SAVED: Final = 32  # searches
MAX_NOTICES: Final = 500  # the oldest give way
MATCH_WITHIN_KM: Final = 25.0  # of an offer and a request
MAX_TELLING: Final = 6  # words of a new listing of ours by which what is held is looked through
ALIKE_OF_WORD: Final = 32  # listings looked at for each of them, the newest
COMPARED_AT_ONCE: Final = 16  # listings in one step of the core

# Block lists
MAX_LISTS: Final = 32  # of our user
MAX_FOLLOWED: Final = 32
MAX_ALLOWED: Final = 1_024  # that our user shows whatever the lists say
MAX_LISTS_READ: Final = 256  # pages of one author, to see what lists he has
MAX_NAMING: Final = 256  # pages of others that name us
MAX_NAMING_OF_ONE: Final = 16
MAX_NAMING_TOLD: Final = 3  # entries in `status`
MAX_HIDDEN_COUNTED: Final = 1_000  # listings of one search
LIST_RENEWED: Final = 45 * DAY  # before it ends

# Search index
MAX_TOKEN_LETTERS: Final = 40  # of one word; what is longer is cut, when indexed and when asked alike
MAX_QUERY_LETTERS: Final = 400
MAX_QUERY_TOKENS: Final = 12
MAX_RANKED: Final = 2_000  # listings that one search puts into an order other than their age: the newest that fit
SHORTEST_BEGINNING: Final = 3  # letters of a beginning that is looked for in texts, too
MAX_COVER: Final = 16  # cells that a circle is covered with
FORMS_KEPT: Final = 20_000  # words of which the stems are remembered
INDEX_CACHE: Final = 8 * 1024 * 1024  # bytes
MAX_LOOKALIKES: Final = 6  # words tried in place of a mistyped one

# Search of other cells. Rates in queries a second; times in seconds.
MAX_ASKED_FOR: Final = 8  # peers, in one search of ours
MAX_AREAS_LOOKED_AT: Final = 64  # the nearest cells in which members live
MAX_ELSEWHERE: Final = 1_000  # listings remembered that were found in other cells; the oldest give way
MAX_ELSEWHERE_BYTES: Final = 4 * 1024 * 1024
MAX_SEARCHES: Final = 4  # of ours that can be asked about; the oldest gives way
SEARCH_WAIT: Final = 6.0  # for answers, unless our user says otherwise
SEARCH_WAIT_MAX: Final = 60.0
QUERY_RATE: Final = 1.0  # of one peer, answered
QUERY_BURST: Final = 10
QUERY_RATE_ALL: Final = 5.0  # of all peers together, so that our own user's searches find the index free
QUERY_BURST_ALL: Final = 20

MAX_SURROUNDINGS: Final = 60  # people of the trust graph that are shown at once
MAX_OWN_KINDS: Final = 256  # of exchange, that this user has made

# Messages to our user, elsewhere
NEWS_GATHERED: Final = 3 * SECOND  # what comes together is told together
NEWS_LOOKED_FOR: Final = 30 * MINUTE  # what becomes due
NEWS_SENT_WITHIN: Final = 30 * SECOND  # else the sender is ended
NEWS_AGAIN: Final = 5 * MINUTE  # after a message was not taken
NEWS_TRIES: Final = 5  # then it is let go
NEWS_AN_HOUR: Final = 20  # messages to one target; more waits, and comes in one
NEWS_HELD: Final = 50  # lines for one target; the oldest give way
NEWS_TOLD: Final = 1_000  # things of which it is remembered that they were told
