//! What was measured, printed as a table at the end.

use std::cell::RefCell;
use std::time::Duration;

/// Rows of a name and a value, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Figures(RefCell<Vec<(String, String)>>);

impl Figures {
    /// Adds a row.
    pub(crate) fn add(&self, name: &str, value: impl ToString) {
        eprintln!("   {name}: {}", value.to_string());
        self.0.borrow_mut().push((name.to_owned(), value.to_string()));
    }

    /// Adds how long something took.
    pub(crate) fn took(&self, name: &str, time: Duration) {
        self.add(name, format!("{:.1} s", time.as_secs_f64()));
    }

    /// Prints all.
    pub(crate) fn print(&self) {
        let rows = self.0.borrow();
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        eprintln!("\nFigures of this node:");
        for (name, value) in rows.iter() {
            eprintln!("  {name:width$}  {value}");
        }
        eprintln!();
    }
}
