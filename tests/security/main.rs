//! What the security page promises, against a real API server: each claim that a tenant, a caller of the ports or an
//! answer of the cloud could break.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod injection;
mod memory;
mod policy;
mod ports;
mod rights;
#[path = "../support/mod.rs"]
mod support;
mod tenants;

/// Characters that end a line, move a cursor or turn text around.
fn is_order(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
