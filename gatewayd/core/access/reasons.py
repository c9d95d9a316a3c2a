"""The public code of every decision, and what it means.

Exactly one is given: the first rule of `rules.ORDER` that speaks. A reader of these codes
takes one it does not know for "denied for another reason".
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a door opened or did not, or what it waits for."""

    GRANTED = "granted"
    MUSTERED = "mustered"
    PIN_AWAITED = "pin_awaited"
    SECOND_PERSON_AWAITED = "second_person_awaited"
    ESCORT_AWAITED = "escort_awaited"

    POINT_DISABLED = "point_disabled"
    PERMISSIONS_STALE = "permissions_stale"
    DOOR_BLOCKED = "door_blocked"
    LOCKDOWN = "lockdown"
    THREAT_LEVEL = "threat_level"
    UNKNOWN_FORMAT = "unknown_format"
    INVALID_FACILITY = "invalid_facility"
    WRONG_FACTOR = "wrong_factor"
    FACTOR_TIMEOUT = "factor_timeout"
    POINT_LOCKED_OUT = "point_locked_out"
    PINS_LOCKED_OUT = "pins_locked_out"
    UNKNOWN_CREDENTIAL = "unknown_credential"
    CREDENTIAL_UNASSIGNED = "credential_unassigned"
    CREDENTIAL_DISABLED = "credential_disabled"
    CREDENTIAL_LOST = "credential_lost"
    CREDENTIAL_STOLEN = "credential_stolen"
    CREDENTIAL_DAMAGED = "credential_damaged"
    CREDENTIAL_DESTROYED = "credential_destroyed"
    CREDENTIAL_INACTIVE = "credential_inactive"
    CREDENTIAL_LOCKED_OUT = "credential_locked_out"
    CREDENTIAL_NOT_YET_ACTIVE = "credential_not_yet_active"
    CREDENTIAL_EXPIRED = "credential_expired"
    TIME_UNCERTAIN = "time_uncertain"
    WRONG_PIN = "wrong_pin"
    HOLDER_DISABLED = "holder_disabled"
    HOLDER_NOT_YET_ACTIVE = "holder_not_yet_active"
    HOLDER_EXPIRED = "holder_expired"
    NO_RIGHTS_ZONE = "no_rights_zone"
    NO_RIGHTS_POINT = "no_rights_point"
    OUT_OF_SCHEDULE = "out_of_schedule"
    SPECIAL_DAY = "special_day"
    INTERLOCK = "interlock"
    PASSBACK = "passback"
    OCCUPANCY_MAX = "occupancy_max"
    OCCUPANCY_MIN = "occupancy_min"
    ESCORT_REQUIRED = "escort_required"
    WRONG_ESCORT = "wrong_escort"
    SECOND_PERSON_REQUIRED = "second_person_required"
    SUPERVISOR_ABSENT = "supervisor_absent"
    USE_LIMIT = "use_limit"
    UNIT_NOT_APPROVED = "unit_not_approved"
    UNIT_OFFLINE = "unit_offline"
    STALE_CARD = "stale_card"
    INTERNAL_ERROR = "internal_error"


AWAITING = frozenset({Reason.PIN_AWAITED, Reason.SECOND_PERSON_AWAITED, Reason.ESCORT_AWAITED})

MEANING = {
    Reason.GRANTED: "nothing speaks against it",
    Reason.MUSTERED: "presence was recorded at a muster point, which opens nothing",
    Reason.PIN_AWAITED: "the card is in order as far as can be said; its PIN is awaited",
    Reason.SECOND_PERSON_AWAITED: "one of two people may pass; the other one is awaited",
    Reason.ESCORT_AWAITED: "the visitor may pass with an escort, who is awaited",
    Reason.POINT_DISABLED: "this access point is disabled, or is not known",
    Reason.PERMISSIONS_STALE: "nobody has confirmed the permissions for too long",
    Reason.DOOR_BLOCKED: "the door's mode is blocked",
    Reason.LOCKDOWN: "the door or the site is locked down, and the holder is not exempt",
    Reason.THREAT_LEVEL: "the holder's clearance is too low for the threat level or the point",
    Reason.UNKNOWN_FORMAT: "the card's bits are not sound or of no known format",
    Reason.INVALID_FACILITY: "the card's facility code is none of this site's",
    Reason.WRONG_FACTOR: "what was presented is not what is asked for here and now",
    Reason.FACTOR_TIMEOUT: "the PIN was not complete in time",
    Reason.POINT_LOCKED_OUT: "too many wrong PINs at this reader; for a while none is compared",
    Reason.PINS_LOCKED_OUT: "too many wrong PINs at all readers together",
    Reason.UNKNOWN_CREDENTIAL: "no such card or PIN is known",
    Reason.CREDENTIAL_UNASSIGNED: "the credential belongs to nobody",
    Reason.CREDENTIAL_DISABLED: "the credential is disabled",
    Reason.CREDENTIAL_LOST: "the credential was reported lost",
    Reason.CREDENTIAL_STOLEN: "the credential was reported stolen",
    Reason.CREDENTIAL_DAMAGED: "the credential was reported damaged",
    Reason.CREDENTIAL_DESTROYED: "the credential was reported destroyed",
    Reason.CREDENTIAL_INACTIVE: "the credential was not used for too long",
    Reason.CREDENTIAL_LOCKED_OUT: "the credential is locked out, or its holder for wrong PINs",
    Reason.CREDENTIAL_NOT_YET_ACTIVE: "the credential's validity has not begun",
    Reason.CREDENTIAL_EXPIRED: "the credential's validity has ended; the end is exclusive",
    Reason.TIME_UNCERTAIN: "the clock may be wrong, and the answer depends on it",
    Reason.WRONG_PIN: "the PIN is not the holder's",
    Reason.HOLDER_DISABLED: "the holder is disabled",
    Reason.HOLDER_NOT_YET_ACTIVE: "the holder's validity has not begun",
    Reason.HOLDER_EXPIRED: "the holder's validity has ended; the end is exclusive",
    Reason.NO_RIGHTS_ZONE: "no access level of the holder leads into this area at all",
    Reason.NO_RIGHTS_POINT: "no access level of the holder includes this access point",
    Reason.OUT_OF_SCHEDULE: "the holder's access levels include this point at other hours",
    Reason.SPECIAL_DAY: "the hours of a special day keep the holder out",
    Reason.INTERLOCK: "another door of the interlock is not shut, or may not be",
    Reason.PASSBACK: "the holder is on the wrong side of the door, or here again too soon",
    Reason.OCCUPANCY_MAX: "the area is full",
    Reason.OCCUPANCY_MIN: "fewer people than the area's minimum would be in it",
    Reason.ESCORT_REQUIRED: "no escort came for the visitor in time",
    Reason.WRONG_ESCORT: "a visitor waits for an escort, and this holder is none",
    Reason.SECOND_PERSON_REQUIRED: "no second person came in time, or none can be admitted",
    Reason.SUPERVISOR_ABSENT: "nobody may enter before a supervisor has",
    Reason.USE_LIMIT: "the credential was used as often as it may be",
    Reason.UNIT_NOT_APPROVED: "the controller of the lock may not be driven",
    Reason.UNIT_OFFLINE: "the controller of the lock is not there",
    Reason.STALE_CARD: "what was presented may have waited in its reader for too long",
    Reason.INTERNAL_ERROR: "deciding went wrong; what cannot be evaluated denies",
}
