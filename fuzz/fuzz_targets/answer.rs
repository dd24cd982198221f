//! Any bytes that the service may answer with are a value or a fault, in clean text of bounded length.
//!
//! The input is an operation, a status, what it was asked for, and the body.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| dataworks::check(data));

/// The client's reading of answers, from its own files: pure functions that need no client.
#[allow(dead_code, unused_imports, reason = "the client uses the rest")]
#[path = "../../src/dataworks"]
mod dataworks {
    mod answer;
    mod error;
    mod key;
    pub mod types;

    use std::fmt::Debug;
    use std::time::Duration;

    use dataworks_core::fault::{Class, Fault};
    use dataworks_core::path::is_forbidden;
    use k8s_openapi::jiff::Timestamp;

    use error::{Certainty, Effect, Failure, judge};
    use types::Answered;

    /// What signs requests, and which an answer may repeat.
    const SECRET: &str = "5ecret";

    pub(super) fn check(data: &[u8]) {
        let [operation, high, low, effect, body @ ..] = data else { return };
        let status = 100 + u16::from_be_bytes([*high, *low]) % 500;
        let effect = [Effect::Read, Effect::Write, Effect::Create][usize::from(effect % 3)];
        let wait = (effect == Effect::Write).then(|| Duration::from_secs(u64::from(*low)));

        let failure = judge(status, wait, body, &[SECRET, ""], effect);
        let Failure { fault, certainty } = &failure;
        let Fault { class, code, message, request_id, retry_after } = fault;
        clean(message, 512);
        clean(code, 128);
        clean(request_id.as_deref().unwrap_or_default(), 128);
        assert!(!code.is_empty() && *retry_after == wait);
        assert!(![message, code].iter().any(|text| text.contains(SECRET)), "{failure:?}");
        if *class == Class::NotFound {
            // Absence is believed: only the API itself, in JSON and with a word for it, may say so.
            assert!(
                body.trim_ascii_start().starts_with(b"{") && *certainty == Certainty::Nothing,
                "{failure:?}"
            );
        }
        if *class == Class::AlreadyExists && effect == Effect::Create {
            assert_eq!(*certainty, Certainty::Doubt, "{failure:?}");
        }

        let date = Timestamp::UNIX_EPOCH;
        match operation % 8 {
            0 => read(answer::created(body, date)),
            1 => read(answer::written(body, date)),
            2 => {
                let resource = answer::resource(body, date);
                let document = resource.as_ref().map_or("", |resource| resource.spec.as_str());
                if document.len() > 40 {
                    assert!(!format!("{resource:?}").contains(document), "a document is shown");
                }
                read(resource);
            }
            3 => read(answer::page(body, date)),
            4 => read(answer::project(body, date)),
            5 => read(answer::assumed(body, date)),
            6 => read(answer::caller_identity(body, date)),
            _ => read(answer::upload_ticket(body, date)),
        }
    }

    fn read<T: Answered + Debug>(answer: Option<T>) {
        if let Some(answer) = answer {
            clean(answer.request_id(), 128);
        }
    }

    fn clean(text: &str, limit: usize) {
        assert!(text.len() <= limit, "{} bytes", text.len());
        assert!(!text.chars().any(|c| is_forbidden(c) || matches!(c, '\u{2028}' | '\u{2029}')), "{text:?}");
    }
}
