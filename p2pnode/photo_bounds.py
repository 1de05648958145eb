"""The node's own bounds of the photos of listings. Sizes in bytes; times of streams in seconds, of files in ms."""

from typing import Final

from protocols.limits import DAY, HOUR

from .bounds import DISK_ENOUGH

OTHERS_PHOTOS: Final = 256 * 1024 * 1024  # bytes on the disk; those looked at longest ago give way
MAX_PICTURE: Final = 32 * 1024 * 1024  # bytes of a file that a photo is made of
MAX_PICTURE_PIXELS: Final = 64_000_000
PICTURE_MEMORY: Final = 700 * 1024 * 1024  # addresses of the process that makes a photo; a usual one fills some 60 MB
PICTURE_WITHIN: Final = 30.0  # seconds for one photo
OWN_PHOTOS_UNNAMED: Final = 7 * DAY  # so long what none of our listings names any more is kept,
PHOTOS_UNNAMED: Final = 1 * DAY  # and of others
PHOTOS_SWEPT_EVERY: Final = 1 * HOUR
PHOTOS_SPARE: Final = DISK_ENOUGH  # bytes free on the disk, below which none is fetched that our user does not look at
PHOTO_PACE: Final = 1.0  # seconds between two that are fetched beforehand
PHOTO_AGAIN: Final = 60.0  # seconds after which one that nobody gave is asked for again; twice that each time,
PHOTO_AGAIN_MAX: Final = 3_600.0  # up to
PHOTO_LOOKED_AGAIN: Final = 5.0  # seconds before our user's look asks for one in vain again
PHOTOS_AT_A_TIME: Final = 3  # asked for because our user looks
MAX_PHOTOS_WANTED: Final = 256  # of these; those wanted longest ago are given up
PHOTO_RATE: Final = 1.0  # of one peer, given
PHOTO_BURST: Final = 24
PHOTO_RATE_ALL: Final = 4.0  # of all peers together
PHOTO_BURST_ALL: Final = 48
PHOTOS_GIVEN_AT_A_TIME: Final = 8  # to one member one
PHOTOS_IN_LINE: Final = 16  # members that wait for a place, first come, first served
PHOTO_LINE: Final = 6.0  # seconds of waiting; then it is `busy`
PHOTO_STALLED: Final = 2.0  # seconds in which who takes nothing is left
PHOTO_TAKEN: Final = 32 * 1024  # bytes a second that who is given one must take besides
PHOTO_WRITTEN: Final = 16 * 1024  # bytes handed over at a time
PHOTO_SLICE: Final = 64  # listings read before others get their turn
