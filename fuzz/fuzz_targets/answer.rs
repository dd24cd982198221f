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
    mod run_answer;
    pub mod types;

    use std::fmt::Debug;
    use std::time::Duration;

    use dataworks_core::fault::{Class, Fault};
    use dataworks_core::path::is_forbidden;
    use dataworks_core::publish::Run;
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
        match operation % 12 {
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
            7 => read(answer::upload_ticket(body, date)),
            8 => read(run_answer::started(body, date)),
            9 => {
                let answer = run_answer::one_run(body, date);
                answer.iter().for_each(|answer| clean_run(&answer.run));
                read(answer);
            }
            10 => {
                let page = run_answer::run_page(body, date);
                page.iter().flat_map(|page| &page.runs).for_each(clean_run);
                read(page);
            }
            _ => {
                let page = run_answer::item_page(body, date);
                for item in page.iter().flat_map(|page| &page.items) {
                    for text in [&item.name, &item.status, &item.message] {
                        clean(text, 512);
                    }
                }
                read(page);
            }
        }
    }

    fn clean_run(run: &Run) {
        clean(&run.message, 512);
        clean(&run.description, 512);
        for stage in &run.stages {
            clean(&stage.code, 512);
            clean(&stage.message, 512);
        }
        assert!(run.stages.is_sorted_by_key(|stage| stage.step), "{run:?}");
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
