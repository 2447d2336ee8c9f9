//! The operations of pickles by name, for those that are refused.

/// The name of an operation that no checkpoint here has.
pub(super) fn name(code: u8) -> String {
    const PROTOCOL_4: &str = "pickle protocol 4; torch.save writes 2 unless told otherwise";
    let name = match code {
        b'i' => "INST",
        b'o' => "OBJ",
        b'P' => "PERSID",
        b'2' => "DUP",
        b'I' => "INT",
        b'L' => "LONG",
        b'F' => "FLOAT",
        b'S' => "STRING",
        b'V' => "UNICODE",
        b'g' => "GET",
        b'p' => "PUT",
        b'd' => "DICT",
        b'l' => "LIST",
        0x81 => "NEWOBJ",
        0x82 => "EXT1",
        0x83 => "EXT2",
        0x84 => "EXT4",
        0x8b => "LONG4",
        0x8d => "BINUNICODE8",
        0x8e => "BINBYTES8",
        0x8f => "EMPTY_SET",
        0x90 => "ADDITEMS",
        0x91 => "FROZENSET",
        0x92 => "NEWOBJ_EX",
        0x93 => return format!("STACK_GLOBAL ({PROTOCOL_4})"),
        0x94 => return format!("MEMOIZE ({PROTOCOL_4})"),
        0x95 => return format!("FRAME ({PROTOCOL_4})"),
        0x96 => "BYTEARRAY8",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        _ => return format!("0x{code:02x}, which no pickle has"),
    };
    name.to_owned()
}
