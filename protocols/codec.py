"""Canonical MessagePack: one value, one encoding.

A subset of MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md): nil, bool, int in
±(2^53 − 1), str, bin, array, map with str keys. Integers, lengths and strings take their shortest form, the
keys of a map stand in ascending order of their UTF-8 bytes, each once. No floats, no extension types.
`msgpack` and `msgspec` both accept more than that without a word, so decoding encodes again and compares.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgpack
import msgspec

from protocols.errors import DecodeError
from protocols.limits import MAX_CONTAINER, MAX_DEPTH, MAX_FRAME, MAX_INT, MIN_INT

T = TypeVar("T")
_SCALARS = frozenset({bytes, str, bool, type(None)})
_LEAVES = _SCALARS | {int}


def encode(value: Any) -> bytes:
    """Encode a value, with the keys of every map sorted. `ValueError` for what the subset does not hold."""
    data: bytes = msgpack.packb(_sorted(value, MAX_DEPTH), use_bin_type=True)
    return data


def decode(data: bytes, limit: int = MAX_FRAME) -> Any:
    """Decode at most `limit` bytes, and refuse any that `encode` would not have made (`DecodeError`)."""
    if len(data) > limit:
        raise DecodeError(f"{len(data)} bytes, at most {limit}", "size")
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            ext_hook=_no_ext,
            max_str_len=limit,
            max_bin_len=limit,
            max_array_len=MAX_CONTAINER,
            max_map_len=MAX_CONTAINER,
            max_ext_len=0,
        )
        _check(value, MAX_DEPTH)
        again = msgpack.packb(value, use_bin_type=True)
    except DecodeError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as e:
        raise DecodeError(str(e) or type(e).__name__) from e
    if again != data:
        raise DecodeError("not canonical")
    return value


class Array:
    """Decodes an array of fixed length and item types (bytes, str, int; None beside one of them), in C where the bytes
    are canonical. A type may be `Annotated` with bounds: see `decode`.
    """

    def __init__(self, *types: Any) -> None:
        self._bare = tuple(_bare(t) for t in types)
        self._decoder = msgspec.msgpack.Decoder(tuple[types])  # type: ignore[valid-type]
        self._loose = [i for i, t in enumerate(types) if t is int]  # integers whose bounds the type does not know

    def decode(self, data: bytes, limit: int, what: str) -> Sequence[Any]:
        """The items; their number and types checked. `DecodeError` else. what: for its message.

        A tuple: the bounds hold as well. A list: they do not all hold, and it is for the caller to say which.
        """
        if len(data) <= limit:
            try:
                value = self._decoder.decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass
            else:
                loose = all([MIN_INT <= value[i] <= MAX_INT for i in self._loose])
                if loose and _ENCODER.encode(value) == data:
                    return value
        slow = decode(data, limit)
        if not (
            type(slow) is list
            and len(slow) == len(self._bare)
            and all(type(v) in bare for v, bare in zip(slow, self._bare, strict=True))
        ):
            raise DecodeError(f"not {what}", "field")
        return slow


def _bare(annotation: Any) -> tuple[type, ...]:
    """The types that a value may have, without their bounds."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(t for part in get_args(annotation) for t in _bare(part))
    return (annotation,)


def decode_as(data: bytes, type_: type[T], limit: int = MAX_FRAME) -> T:
    """Decode into a frozen `msgspec.Struct`; the error names the path of the field that is wrong.

    One value has one encoding here too: a field at its default must be left out.
    """
    fast = _decode_canonical(data, type_, limit)
    if fast is not None:
        return fast
    value = decode(data, limit)
    result = convert(value, type_)
    if plain(result) != value:
        raise DecodeError("a field is written out at its default", "field")
    return result


def _decode_canonical(data: bytes, type_: type[T], limit: int) -> T | None:
    """The same as the slow way, in C, for bytes that it would accept; None to have it say what is wrong.

    What decodes into the type and encodes to the same bytes, with sorted keys, is canonical. Only two things escape the
    comparison: defaults that are written out (see `plain`; they are looked for), and integers beyond ±(2^53 − 1) in
    fields without bounds, which types of payloads do not have (a test looks for those).
    """
    decoder, written_defaults = _typed(type_)  # type: ignore[arg-type]
    if len(data) > limit or decoder is None:
        return None
    try:
        value: T = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if _ENCODER.encode(value) != data or written_defaults(value):
        return None
    return value


_ENCODER = msgspec.msgpack.Encoder(order="sorted")
encode_flat: Callable[[Any], bytes] = _ENCODER.encode
"""What `encode` gives, in a fifth of the time, of an array without maps, or a struct whose defaults msgspec recognises
(see `_is_singleton`). Looks at no bound: for what has been checked."""


@cache
def _typed(type_: Any) -> tuple[Any, Callable[[Any], bool]]:
    """A decoder for a struct type (None for others), and whether a value of it writes a default out."""
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct) and type_.__struct_config__.omit_defaults):
        return None, bool
    checks: list[Callable[[Any], bool]] = []
    for field in msgspec.structs.fields(type_):
        default = field.default
        if default is not msgspec.NODEFAULT and not _is_singleton(default):
            checks.append(partial(_written_out, field.name, default))
        for inner in _struct_types(field.type):
            nested = _typed(inner)[1]
            if _typed(inner)[0] is None or _is_plural(field.type):
                return None, bool  # deeper than this shortcut looks
            checks.append(
                lambda value, name=field.name, nested=nested: (  # type: ignore[misc]
                    (item := getattr(value, name)) is not None and nested(item)
                )
            )

    def written_defaults(value: Any) -> bool:
        for check in checks:  # noqa: SIM110 (a generator costs more than the checks)
            if check(value):
                return True
        return False

    return msgspec.msgpack.Decoder(type_), written_defaults


def _written_out(name: str, default: Any, value: Any) -> bool:
    item = getattr(value, name)
    return item is not default and bool(item == default)


def _is_singleton(value: Any) -> bool:
    """Defaults that msgspec recognises, since it compares by identity."""
    return value is None or value in ("", b"", ()) or (type(value) in (bool, int) and -5 <= value <= 256)


def _struct_types(annotation: Any) -> list[Any]:
    """The struct types that stand in a field's annotation, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return [annotation]
    return [found for part in get_args(annotation) for found in _struct_types(part)]


def _is_plural(annotation: Any) -> bool:
    """Whether a struct in it stands in a list, tuple or map."""
    origin = get_origin(annotation)
    if origin in (tuple, list, dict):
        return bool(_struct_types(annotation))
    return any(_is_plural(part) for part in get_args(annotation))


def convert(value: Any, type_: type[T]) -> T:
    """Give an already decoded value its type, or say which field is wrong (`DecodeError`, code `field`)."""
    try:
        # Without `builtin_types` a str would be taken for the base64 of a bytes field.
        return msgspec.convert(value, type_, builtin_types=(bytes,))
    except msgspec.ValidationError as e:
        raise DecodeError(str(e), "field") from e


def plain(value: Any) -> Any:
    """A struct, or anything made of structs, as maps, lists and scalars, ready for `encode`.

    Fields that equal their default are left out where the struct says `omit_defaults`. msgspec's own
    `to_builtins` compares with the default by identity and so writes the same value sometimes so, sometimes otherwise.
    """
    if type(value) in _LEAVES:
        return value
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        if config.array_like:
            return [plain(getattr(value, name)) for name in value.__struct_fields__]
        out = {} if config.tag is None else {config.tag_field: config.tag}
        omit = config.omit_defaults
        for name, written, default in _fields(type(value)):
            item = getattr(value, name)
            if not (omit and item == default and type(item) is type(default)):
                out[written] = item if type(item) in _LEAVES else plain(item)
        return out
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


@cache
def _fields(type_: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    """Of each field: attribute, key in the map, default (`NODEFAULT` where there is none)."""
    return tuple(
        (f.name, f.encode_name, f.default if f.default_factory is msgspec.NODEFAULT else f.default_factory())
        for f in msgspec.structs.fields(type_)
    )


def _no_ext(code: int, data: bytes) -> Any:
    raise DecodeError(f"extension type {code}")


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if kind is int:
        if not MIN_INT <= value <= MAX_INT:
            raise DecodeError("integer out of range")
        return
    if depth == 0:
        raise DecodeError("nested too deep")
    if kind is dict:
        last = None
        for key in value:
            if type(key) is not str:
                raise DecodeError("a key is not a string")
            if last is not None and key <= last:  # code points in order are UTF-8 bytes in order
                raise DecodeError("keys are not in order")
            last = key
        value = value.values()
    elif kind is not list:
        raise DecodeError(f"{kind.__name__} is not allowed")
    for item in value:
        if type(item) not in _SCALARS:  # spares a call for most
            _check(item, depth - 1)


def _sorted(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is bytes or kind is str or kind is bool or value is None:
        return value
    if kind is int:
        if not MIN_INT <= value <= MAX_INT:
            raise ValueError(f"integer out of range: {value}")
        return value
    if depth == 0:
        raise ValueError("nested too deep")
    if kind in (dict, list, tuple) and len(value) > MAX_CONTAINER:
        raise ValueError(f"more than {MAX_CONTAINER} items")
    if kind is dict:
        return {k: _sorted(value[k], depth - 1) for k in sorted(value, key=_key_bytes)}
    if kind is list or kind is tuple:
        return [_sorted(item, depth - 1) for item in value]
    raise ValueError(f"{kind.__name__} cannot be encoded")


def _key_bytes(key: Any) -> bytes:
    if type(key) is not str:
        raise ValueError("a key is not a string")
    return key.encode()
