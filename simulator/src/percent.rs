//! Percent coding of query strings and forms.
//!
//! Written by hand although a crate exists: the operator uses the crate, and a signature check
//! that shares its encoder with the signer cannot find the encoder's mistakes.

/// Decodes `a=b&c=d` into pairs; `+` is a space. A `%` without two hexadecimal digits stands for
/// itself, as it does for the service's own lenient parser.
pub(crate) fn pairs(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    text.split(|byte| *byte == b'&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let at = part.iter().position(|byte| *byte == b'=');
            let (key, value) = match at {
                Some(at) => (&part[..at], &part[at + 1..]),
                None => (part, &part[part.len()..]),
            };
            (decode(key), decode(value))
        })
        .collect()
}

/// Appends the RFC 3986 form: unreserved characters kept, all else `%XX` in upper case.
pub(crate) fn encode_into(bytes: &[u8], out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(DIGITS[usize::from(byte >> 4)]);
            out.push(DIGITS[usize::from(byte & 15)]);
        }
    }
}

fn decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = match bytes[at..] {
            [b'%', high, low, ..] => digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match (bytes[at], escaped) {
            (_, Some(byte)) => {
                out.push(byte);
                at += 3;
                continue;
            }
            (b'+', None) => out.push(b' '),
            (byte, None) => out.push(byte),
        }
        at += 1;
    }
    out
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let rows = [
            ("a=b+c&d=", vec![("a", "b c"), ("d", "")]),
            ("k=%E4%BD%A0%2a~", vec![("k", "你*~")]),
            ("x&=y&&", vec![("x", ""), ("", "y")]),
            ("p=50%&q=%zz", vec![("p", "50%"), ("q", "%zz")]),
        ];
        for (text, want) in rows {
            let want: Vec<_> =
                want.into_iter().map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
            assert_eq!(pairs(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn encoding() {
        let mut out = String::new();
        encode_into("a b*/+~你".as_bytes(), &mut out);
        assert_eq!(out, "a%20b%2A%2F%2B~%E4%BD%A0");
    }
}
