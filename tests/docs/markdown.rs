//! The Markdown files of the repository, and what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A file, read.
pub(crate) struct Page {
    /// Relative to the top of the repository.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Where links and images lead, as written.
    pub(crate) links: Vec<String>,
    /// What can stand after `#`.
    pub(crate) anchors: BTreeSet<String>,
    /// Fenced blocks: language and text.
    pub(crate) blocks: Vec<(String, String)>,
}

pub(crate) fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Markdown file, by path.
pub(crate) fn pages() -> BTreeMap<PathBuf, Page> {
    let mut found = BTreeMap::new();
    let mut folders = vec![top().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let hidden = name.starts_with('.') || matches!(name.as_str(), "target" | "node_modules");
            if entry.file_type().unwrap().is_dir() {
                if !hidden {
                    folders.push(entry.path());
                }
            } else if Path::new(&name).extension().is_some_and(|suffix| suffix == "md") {
                let path = entry.path().strip_prefix(top()).unwrap().to_owned();
                found.insert(path.clone(), read(path, std::fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    assert!(found.contains_key(Path::new("README.md")) && found.len() > 15, "{}", found.len());
    found
}

fn read(path: PathBuf, text: String) -> Page {
    let mut page = Page { path, text: text.clone(), links: vec![], anchors: BTreeSet::new(), blocks: vec![] };
    let (mut heading, mut block) = (None::<String>, None::<(String, String)>);
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap());
                let unique = (0..).map(|n| if n == 0 { slug.clone() } else { format!("{slug}-{n}") });
                let unique = unique.into_iter().find(|slug| !page.anchors.contains(slug)).unwrap();
                page.anchors.insert(unique);
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                block = Some((language.to_string(), String::new()));
            }
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.to_string());
            }
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                } else if let Some((_, text)) = &mut block {
                    text.push_str(&part);
                }
            }
            _ => {}
        }
    }
    page
}

/// The anchor of a heading, as mdBook and GitHub make it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.collect::<String>().to_lowercase()
}
