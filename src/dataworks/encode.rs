//! Percent-encoding of parameters, as the wire and the signature want it.
//!
//! Pure. Knows nothing of operations, credentials or connections. The rule it keeps: what is
//! signed and what is sent come from the same pairs in the same order, so that the two cannot
//! disagree.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// A parameter's name and its raw value.
pub type Pair<'a> = (&'a str, &'a str);

/// Everything but RFC 3986's unreserved characters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The pairs as a form body, or as the query of a URL: sorted by key, a space becomes `+`.
#[must_use]
pub fn form(pairs: &[Pair<'_>]) -> String {
    join(pairs, "+")
}

/// The pairs as the signature covers a query: sorted by key, a space becomes `%20`.
#[must_use]
pub fn canonical_query(pairs: &[Pair<'_>]) -> String {
    join(pairs, "%20")
}

fn join(pairs: &[Pair<'_>], space: &str) -> String {
    let mut sorted: Vec<&Pair<'_>> = pairs.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    // JSON text, the bulk of a body, grows by about a third to a half.
    let raw: usize = pairs.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    let mut out = String::with_capacity(raw + raw / 2);
    for (key, value) in sorted {
        if !out.is_empty() {
            out.push('&');
        }
        push(&mut out, key, space);
        out.push('=');
        push(&mut out, value, space);
    }
    out
}

fn push(out: &mut String, text: &str, space: &str) {
    for (index, part) in text.split(' ').enumerate() {
        if index > 0 {
            out.push_str(space);
        }
        out.extend(utf8_percent_encode(part, ESCAPED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreserved_characters_stay_and_all_others_are_escaped() {
        let rows = [
            ("", "a=", "a="),
            ("azAZ09-_.~", "a=azAZ09-_.~", "a=azAZ09-_.~"),
            (" ", "a=+", "a=%20"),
            ("  x ", "a=++x+", "a=%20%20x%20"),
            ("*/+%&='()!", "a=%2A%2F%2B%25%26%3D%27%28%29%21", "a=%2A%2F%2B%25%26%3D%27%28%29%21"),
            ("é😀\n", "a=%C3%A9%F0%9F%98%80%0A", "a=%C3%A9%F0%9F%98%80%0A"),
        ];
        for (raw, wire, canonical) in rows {
            assert_eq!(form(&[("a", raw)]), wire, "{raw:?}");
            assert_eq!(canonical_query(&[("a", raw)]), canonical, "{raw:?}");
        }
    }

    #[test]
    fn keys_are_sorted_by_their_raw_bytes() {
        assert_eq!(form(&[("b", "1"), ("é", "2"), ("B", "3"), ("a", "4")]), "B=3&a=4&b=1&%C3%A9=2");
        assert_eq!(form(&[]), "");
    }
}
