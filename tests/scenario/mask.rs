//! What differs from run to run, written so that it does not: ids by their first appearance
//! (`#1`), namespaces by the script's word for them (`@here`), and times, request ids and ports not
//! at all.

use regex::{Captures, Regex};

/// The names given so far.
#[derive(Debug)]
pub(crate) struct Mask {
    ids: Vec<String>,
    namespaces: Vec<(String, String)>,
    id: Regex,
    blind: Vec<(Regex, &'static str)>,
}

impl Mask {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        let blind = [
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
            (r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", "<uuid>"),
            (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
        ];
        Self {
            ids: Vec::new(),
            namespaces: Vec::new(),
            // The simulator's codes of errors are as long, and begin otherwise.
            id: Regex::new(r"\b63\d{17}\b").unwrap(),
            blind: blind.map(|(pattern, word)| (Regex::new(pattern).unwrap(), word)).to_vec(),
        }
    }

    /// Gives a namespace its word.
    pub(crate) fn namespace(&mut self, word: &str, name: &str) {
        self.namespaces.push((format!("@{word}"), name.to_owned()));
    }

    /// For a reader.
    pub(crate) fn hide(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (word, name) in &self.namespaces {
            text = text.replace(name, word);
        }
        for (pattern, word) in &self.blind {
            text = pattern.replace_all(&text, *word).into_owned();
        }
        let ids = &mut self.ids;
        let number = |found: &Captures<'_>| {
            let id = &found[0];
            let at = ids.iter().position(|known| known == id).unwrap_or_else(|| {
                ids.push(id.to_owned());
                ids.len() - 1
            });
            format!("#{}", at + 1)
        };
        self.id.replace_all(&text, number).into_owned()
    }

    /// For a program: `@here` and `#1` stand for what they name. What names nothing stays.
    pub(crate) fn show(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // The longer first: @here is the beginning of @heretic, and #1 of #12.
        let mut namespaces: Vec<_> = self.namespaces.iter().collect();
        namespaces.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        for (word, name) in namespaces {
            text = text.replace(word.as_str(), name);
        }
        for (at, id) in self.ids.iter().enumerate().rev() {
            text = text.replace(&format!("#{}", at + 1), id);
        }
        text
    }
}
