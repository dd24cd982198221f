//! What every message of a condition has to be, whatever was put into it: names of fields are an
//! author's, paths of files are a stranger's.

use std::borrow::Cow;

use crate::path::is_forbidden;

/// Longest message, in bytes. The longest of ours with the longest path has less; the API server
/// refuses 32,768 characters, and with them the whole status.
pub(super) const LIMIT: usize = 4096;

/// The message as it may be shown: one line that no terminal obeys, of bounded length.
pub(super) fn fit(message: &str) -> Cow<'_, str> {
    let is_order = |c: char| is_forbidden(c) || matches!(c, '\u{2028}' | '\u{2029}');
    if message.len() <= LIMIT && !message.chars().any(is_order) {
        return Cow::Borrowed(message);
    }
    let mut text: String = message.chars().map(|c| if is_order(c) { '\u{fffd}' } else { c }).collect();
    if text.len() > LIMIT {
        text.truncate(text.floor_char_boundary(LIMIT - '…'.len_utf8()));
        text.push('…');
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_bounded_line_without_orders() {
        for good in ["", "plain", "文件 \"a\\nb\" é", &"x".repeat(LIMIT)] {
            assert_eq!(fit(good), good);
        }
        assert_eq!(
            fit("a\nb\r\u{1b}[31m\u{85}\u{202e}\u{2028}c"),
            "a\u{fffd}b\u{fffd}\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}c"
        );
        let long = fit(&"é".repeat(1_000_000)).into_owned();
        assert!(long.len() <= LIMIT && long.ends_with("é…"), "{}", long.len());
        assert!(fit(&"\n".repeat(LIMIT)).len() <= LIMIT);
    }
}
