//! Plain writers of the mesh's encodings, which know nothing of ours: the shortest form of each value, and no dates.

use serde_json::Value;

/// MessagePack (also what Notepack reads).
pub fn msgpack(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_msgpack(&mut out, value);
    out
}

fn write_msgpack(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(false) => out.push(0xc2),
        Value::Bool(true) => out.push(0xc3),
        Value::Number(number) => match number.as_u64() {
            Some(small @ 0..=0x7f) => out.push(small as u8),
            Some(large) => {
                out.push(0xcf);
                out.extend(large.to_be_bytes());
            }
            None => {
                out.push(0xcb);
                out.extend(number.as_f64().expect("a number").to_be_bytes());
            }
        },
        Value::String(text) => {
            out.push(0xdb);
            out.extend((text.len() as u32).to_be_bytes());
            out.extend(text.as_bytes());
        }
        Value::Array(all) => {
            out.push(0xdd);
            out.extend((all.len() as u32).to_be_bytes());
            all.iter().for_each(|one| write_msgpack(out, one));
        }
        Value::Object(all) => {
            out.push(0xdf);
            out.extend((all.len() as u32).to_be_bytes());
            for (key, one) in all {
                write_msgpack(out, &Value::from(key.as_str()));
                write_msgpack(out, one);
            }
        }
    }
}

/// CBOR (RFC 8949).
pub fn cbor(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_cbor(&mut out, value);
    out
}

fn write_cbor(out: &mut Vec<u8>, value: &Value) {
    let head = |out: &mut Vec<u8>, major: u8, len: u64| {
        out.push(major << 5 | 27);
        out.extend(len.to_be_bytes());
    };
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Number(number) => match number.as_u64() {
            Some(small @ 0..=23) => out.push(small as u8),
            _ => {
                out.push(0xfb);
                out.extend(number.as_f64().expect("a number").to_be_bytes());
            }
        },
        Value::String(text) => {
            head(out, 3, text.len() as u64);
            out.extend(text.as_bytes());
        }
        Value::Array(all) => {
            head(out, 4, all.len() as u64);
            all.iter().for_each(|one| write_cbor(out, one));
        }
        Value::Object(all) => {
            head(out, 5, all.len() as u64);
            for (key, one) in all {
                write_cbor(out, &Value::from(key.as_str()));
                write_cbor(out, one);
            }
        }
    }
}

/// Protocol Buffers: `[field, value]` each, texts with their length and whole numbers as varints.
pub fn protobuf(fields: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for pair in fields {
        let field = pair[0].as_u64().expect("a field");
        match &pair[1] {
            Value::String(text) => {
                varint(&mut out, field << 3 | 2);
                varint(&mut out, text.len() as u64);
                out.extend(text.as_bytes());
            }
            Value::Number(number) => {
                varint(&mut out, field << 3);
                varint(&mut out, number.as_u64().expect("a whole number"));
            }
            Value::Bool(flag) => {
                varint(&mut out, field << 3);
                varint(&mut out, (*flag).into());
            }
            other => panic!("no field: {other}"),
        }
    }
    out
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
