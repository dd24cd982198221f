//! Which lines are logged, changeable while the process runs: a file holds the filter.
//!
//! The file is read again every few seconds and on SIGHUP, whole, since a mounted ConfigMap is
//! swapped under its name. A filter that cannot be read changes nothing. An absent or empty file
//! leaves it to the argument.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing::{info, warn};
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::metrics::Metrics;

/// How often the file is read: a line, from memory.
const EVERY: Duration = Duration::from_secs(5);
/// What is read of it; a filter is a line.
const MOST_BYTES: u64 = 4096;

/// A text is no filter.
#[derive(Debug, thiserror::Error)]
pub enum NoFilter {
    /// A word without `=` is a level; tracing would take it for the name of a module and log all of it.
    #[error("{0:?} is no level; write error, warn, info, debug, trace or off, or MODULE=LEVEL")]
    NoLevel(String),
    /// Not of the grammar.
    #[error("not a log filter")]
    Unreadable(#[from] tracing_subscriber::filter::ParseError),
}

/// Reads a filter: a level, or levels by module.
///
/// # Errors
/// When it is none.
pub fn filter(text: &str) -> Result<EnvFilter, NoFilter> {
    let word = |part: &&str| {
        !part.contains(['=', '[', ']', '{', '}']) && (part.is_empty() || part.parse::<LevelFilter>().is_err())
    };
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    match parts.iter().copied().find(word) {
        Some(word) => Err(NoFilter::NoLevel(word.chars().take(64).collect())),
        None => Ok(EnvFilter::try_new(parts.join(","))?),
    }
}

/// The filter in force, and where another may come from.
#[derive(Debug)]
pub struct Levels {
    handle: reload::Handle<EnvFilter, Registry>,
    argument: String,
    file: Option<PathBuf>,
    /// What was last read, good or not, to say each thing once.
    read: Result<String, String>,
}

/// What reading the file again led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reread {
    /// It says what it said.
    Same,
    /// The filter is another one now.
    Changed,
    /// It cannot be read; the filter is what it was.
    Refused,
}

impl Levels {
    pub(super) fn new(
        handle: reload::Handle<EnvFilter, Registry>,
        argument: String,
        file: Option<PathBuf>,
    ) -> Self {
        Self { handle, read: Ok(argument.clone()), argument, file }
    }

    /// Reads the file again and does what it says.
    pub fn reread(&mut self) -> Reread {
        let wanted = self.wanted().map_err(|error| error.to_string());
        if wanted == self.read {
            return Reread::Same;
        }
        let end = match &wanted {
            Ok(text) => filter(text).map_err(|error| error.to_string()).and_then(|filter| {
                self.handle.reload(filter).map_err(|error| error.to_string())?;
                Ok(text.clone())
            }),
            Err(error) => Err(error.clone()),
        };
        self.read = wanted;
        match end {
            Ok(filter) => {
                // Not filtered away by what it tells of, unless all is.
                warn!(filter, "the log filter was changed");
                Reread::Changed
            }
            Err(error) => {
                warn!(error, "the log filter is not changed: it cannot be read");
                Reread::Refused
            }
        }
    }

    fn wanted(&self) -> io::Result<String> {
        let Some(file) = &self.file else { return Ok(self.argument.clone()) };
        let mut text = String::new();
        match File::open(file) {
            Ok(file) => file.take(MOST_BYTES).read_to_string(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let text = text.trim();
        Ok(if text.is_empty() { self.argument.clone() } else { text.to_owned() })
    }
}

/// Keeps the filter as the file says until the process ends. SIGHUP without a file changes nothing
/// and ends nothing.
pub async fn watch(mut levels: Levels, metrics: Arc<Metrics>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return warn!("SIGHUP cannot be listened to");
    };
    loop {
        if levels.reread() == Reread::Refused {
            metrics.reload_failures.inc();
        }
        let every = async {
            match levels.file {
                Some(_) => tokio::time::sleep(EVERY).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = every => {}
            _ = hangup.recv() => info!("SIGHUP: the log filter is read again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_no_filter() {
        for good in
            ["info", "INFO", "off", "3", "info,dataworks_operator=debug", "warn, kube=off", "a[b{c}]=trace"]
        {
            assert!(filter(good).is_ok(), "{good}");
        }
        for bad in ["", "inof", "info,", "info,kube", "kube=inof", "debug;info", "a[=b"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_file_changes_the_filter_and_a_bad_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("level");
        let (_layer, handle) = reload::Layer::<_, Registry>::new(filter("info").unwrap());
        let mut levels = Levels::new(handle.clone(), "info".to_owned(), Some(file.clone()));
        let now = || handle.with_current(ToString::to_string).unwrap();
        let mut says = |text: Option<&str>| {
            match text {
                Some(text) => fs::write(&file, text).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            (levels.reread(), now())
        };
        let (debug, info) = ("debug".to_owned(), "info".to_owned());
        assert_eq!(says(Some("")), (Reread::Same, info.clone()));
        assert_eq!(says(Some("debug\n")), (Reread::Changed, debug.clone()));
        assert_eq!(says(Some("debug")), (Reread::Same, debug.clone()));
        assert_eq!(says(Some("inof")), (Reread::Refused, debug.clone()));
        assert_eq!(says(Some("inof")), (Reread::Same, debug.clone()), "said once");
        assert_eq!(says(Some("debug")), (Reread::Changed, debug.clone()));
        assert_eq!(says(Some("\u{0}")), (Reread::Refused, debug.clone()));
        assert_eq!(says(None), (Reread::Changed, info));
    }
}
