//! A script as it is written: comments, and commands with the indented block below them.
//!
//! It must not know any command.

/// A part of a script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// An empty line, or a comment with its mark.
    Text(String),
    /// A command.
    Command(Command),
}

/// A command: its line, and what is indented below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// The number of its line; the first is 1.
    pub(crate) line: usize,
    /// The line.
    pub(crate) text: String,
    /// The lines below it, as they are indented.
    pub(crate) block: Vec<String>,
}

impl Command {
    /// The block without the indentation of its first line; nothing when there is none.
    pub(crate) fn body(&self) -> Option<String> {
        let first = self.block.first()?;
        let indent = first.len() - first.trim_start().len();
        let cut = |line: &String| line.get(indent..).unwrap_or_else(|| line.trim_start()).to_owned() + "\n";
        Some(self.block.iter().map(cut).collect())
    }
}

/// Reads a script.
///
/// # Errors
/// Where it does not begin with its story, or a block belongs to nothing.
pub(crate) fn parse(text: &str) -> Result<Vec<Item>, String> {
    if !text.starts_with("# ") {
        return Err("line 1: a script begins with a comment that tells its story".to_owned());
    }
    let mut items = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let number = at + 1;
        match (line.chars().next(), items.last_mut()) {
            (None, _) | (Some('#'), _) => items.push(Item::Text(line.to_owned())),
            (Some(' '), Some(Item::Command(command))) => command.block.push(line.to_owned()),
            (Some(' ' | '\t'), _) => {
                return Err(format!("line {number}: only spaces indent, and only below a command"));
            }
            (Some(_), _) => items.push(Item::Command(Command {
                line: number,
                text: line.trim_end().to_owned(),
                block: Vec::new(),
            })),
        }
    }
    Ok(items)
}
