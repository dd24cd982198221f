//! Making a run: look, record what is to be made, send, and find what a lost answer left.

use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::{
    Kind, Mode, Plan, Run, RunId, Seen, Sent, Step, Tag, Wish, because, kind_of, mode_of, time, type_of,
    working,
};
use crate::api::condition::Reason;
use crate::api::v1alpha1::{Publication, PublicationRequest, PublicationStatus, RunMode};
use crate::bounds::Bounds;

/// A stranger's run that has been under way for so long waits for somebody.
const LONG: SignedDuration = SignedDuration::from_hours(1);

/// Nothing is recorded to be under way, and something is wished.
pub(super) fn plan(wish: &Wish, kind: Kind, record: &Publication, seen: &Seen<'_>, now: Timestamp) -> Plan {
    let Some(look) = seen.look else { return because(Step::Look, "a run may be under way already") };
    for run in look.runs.iter().filter(|run| !run.status.is_final()) {
        let abolished = seen.memory.abolished.as_ref() == Some(&run.id);
        match own_tag(run, seen) {
            Some(_) if run.failed().is_some() && !abolished => {
                return because(Step::Abolish(run.id.clone()), "a run of ours failed and did not end");
            }
            Some(_) if run.failed().is_some() => {}
            Some(tag) => return found(wish, record, run, &tag, now, "a run of ours is under way"),
            None => return stranger(wish, record, run, now),
        }
    }
    if let Some((run, tag)) = published_before(wish, kind, record, seen, &look.runs) {
        return found(wish, record, run, &tag, now, "an earlier run of ours published this version");
    }
    intend(wish, kind, record, if seen.auto { Mode::Auto } else { Mode::Normal }, seen, now)
}

/// A run that published what is wished, where status does not know of any: it was lost.
fn published_before<'a>(
    wish: &Wish,
    kind: Kind,
    record: &Publication,
    seen: &Seen<'_>,
    runs: &'a [Run],
) -> Option<(&'a Run, Tag)> {
    if wish.requested || record.run_id.is_some() || kind == Kind::Offline || wish.until_stage.is_some() {
        return None;
    }
    // A later run of anybody may have published something else.
    let last = runs.iter().max_by_key(|run| run.created)?;
    let tag = own_tag(last, seen)?;
    let same = tag.version == wish.version && tag.kind == kind;
    (same && last.status == super::RunStatus::Success).then_some((last, tag))
}

fn own_tag(run: &Run, seen: &Seen<'_>) -> Option<Tag> {
    Tag::read(&run.description).filter(|tag| tag.uid == *seen.uid.0)
}

/// Takes over a run that is ours; what becomes of it is then told as of any other.
fn found(wish: &Wish, record: &Publication, run: &Run, tag: &Tag, now: Timestamp, why: &'static str) -> Plan {
    let same = tag.version == wish.version;
    let publication = Publication {
        run_id: Some(run.id.to_string()),
        type_: Some(type_of(tag.kind)),
        digest: tag.version.clone(),
        until_stage: wish.until_stage.clone().filter(|_| same),
        mode: Some(RunMode::Normal),
        ..started(record, now)
    };
    record_run(wish, publication, &run.id, why)
}

fn started(record: &Publication, now: Timestamp) -> Publication {
    Publication {
        stage: None,
        status: Some(PublicationStatus::Init),
        message: None,
        time: time(now),
        request: None,
        ..record.clone()
    }
}

fn record_run(wish: &Wish, publication: Publication, run: &RunId, why: &'static str) -> Plan {
    let message = format!("The deployment run {run} is under way.");
    let state = Some(working(wish, Reason::Publishing, message));
    because(Step::Record { publication: Box::new(publication), state }, why)
}

/// CreatePipelineRun was answered with this run.
pub(super) fn created(record: &Publication, run: &RunId, now: Timestamp) -> Publication {
    Publication { run_id: Some(run.to_string()), ..started(record, now) }
}

/// Somebody else's run: it is neither touched nor overtaken.
fn stranger(wish: &Wish, record: &Publication, run: &Run, now: Timestamp) -> Plan {
    let message = format!(
        "A deployment run that is not this object's ({}) is under way; its end is waited for. Finish or cancel it in the \
         workspace to go on.",
        run.id
    );
    let step = Step::Watch {
        run: run.id.clone(),
        since: Some(run.created),
        // Nobody here can tell what it waits for, and after an hour it is hardly a machine.
        person: run.awaits_person().is_some() || now > plus(run.created, LONG),
        publication: Box::new(record.clone()),
        state: working(wish, Reason::Publishing, message),
    };
    because(step, "another's run for it is under way")
}

/// Records what is to be made.
fn intend(
    wish: &Wish,
    kind: Kind,
    record: &Publication,
    mode: Mode,
    seen: &Seen<'_>,
    now: Timestamp,
) -> Plan {
    let publication = Publication {
        run_id: None,
        type_: Some(type_of(kind)),
        digest: wish.version.clone(),
        until_stage: wish.until_stage.clone(),
        mode: Some(match mode {
            Mode::Auto => RunMode::Auto,
            Mode::Normal => RunMode::Normal,
        }),
        stage: None,
        status: Some(PublicationStatus::Requested),
        message: None,
        time: time(now),
        request: Some(PublicationRequest {
            at: Some(now.to_string()),
            holder: Some(seen.identity.holder.clone()),
            after: newest(record, seen),
        }),
        published_digest: record.published_digest.clone(),
    };
    let message = match kind {
        Kind::Online => "The file is in the workspace as declared, and is published now.",
        Kind::Offline => "What is published of the file is taken offline first.",
    };
    let state = Some(working(wish, Reason::Publishing, message.to_owned()));
    because(
        Step::Record { publication: Box::new(publication), state },
        "what is to be made is recorded first",
    )
}

/// The newest run that is not this request's: a later one may be, also where none says whose it is.
fn newest(record: &Publication, seen: &Seen<'_>) -> Option<String> {
    // A request that is recorded again was looked for in vain, or was never sent.
    if let Some(request) = &record.request {
        return request.after.clone();
    }
    let runs = seen.look.map(|look| look.runs.iter()).into_iter().flatten();
    runs.max_by_key(|run| run.created).map(|run| run.id.to_string())
}

/// A request is recorded, and its run is not known yet.
pub(super) fn requested(
    wish: &Wish,
    record: &Publication,
    request: &PublicationRequest,
    seen: &Seen<'_>,
    now: Timestamp,
) -> Plan {
    let at: Option<Timestamp> = request.at.as_deref().and_then(|at| at.parse().ok());
    let at = at.unwrap_or(Timestamp::MIN);
    let sent = seen.memory.sent.as_ref().filter(|(named, _)| *named == at).map(|(_, sent)| sent);
    let same = !wish.differs(record);
    match sent {
        // Nothing can come of it any more: another version is recorded in its place.
        Some(Sent::Nothing) if !same => instead(wish, record, mode_of(record), seen, now),
        Some(Sent::Nothing) if now < plus(at, seen.bounds.start) => create(record, at, seen),
        Some(Sent::Nothing) => instead(wish, record, mode_of(record), seen, now),
        Some(Sent::Refused(_)) if !same => instead(wish, record, mode_of(record), seen, now),
        Some(Sent::Refused(_)) if mode_of(record) == Mode::Auto => {
            instead(wish, record, Mode::Normal, seen, now)
        }
        Some(Sent::Refused(said)) => refused(record, said, now),
        Some(Sent::Unknown(sent)) => lost(wish, record, request, at, Some(*sent), seen, now),
        None => lost(wish, record, request, at, None, seen, now),
    }
}

/// Nothing comes of the recorded request any more: records what is wished now in its place.
fn instead(wish: &Wish, record: &Publication, mode: Mode, seen: &Seen<'_>, now: Timestamp) -> Plan {
    if let Some(kind) = wish.kind {
        return intend(wish, kind, record, mode, seen, now);
    }
    let publication = Publication {
        status: Some(PublicationStatus::Cancel),
        time: time(now),
        request: None,
        ..record.clone()
    };
    because(Step::Record { publication: Box::new(publication), state: None }, "no run is wanted any more")
}

fn create(record: &Publication, at: Timestamp, seen: &Seen<'_>) -> Plan {
    let kind = kind_of(record);
    let step = Step::CreateRun {
        kind,
        mode: mode_of(record),
        until_stage: record.until_stage.clone(),
        tag: Tag::new(kind, seen.uid, record.digest.as_deref(), at),
    };
    because(step, "nothing was sent for it yet")
}

fn refused(record: &Publication, said: &str, now: Timestamp) -> Plan {
    let publication = Publication {
        status: Some(PublicationStatus::Fail),
        message: Some(format!("The service refuses to make a deployment run: {said}.")),
        time: time(now),
        request: None,
        ..record.clone()
    };
    because(Step::Record { publication: Box::new(publication), state: None }, "no run can be made")
}

/// The outcome is not known: find the run, or wait until none can come any more.
fn lost(
    wish: &Wish,
    record: &Publication,
    request: &PublicationRequest,
    at: Timestamp,
    sent: Option<Timestamp>,
    seen: &Seen<'_>,
    now: Timestamp,
) -> Plan {
    let Some(look) = seen.look else { return because(Step::Look, "a run may have been made") };
    let before = look.runs.iter().find(|run| request.after.as_deref() == Some(run.id.as_str()));
    let before = before.map(|run| run.created);
    let is_ours = |run: &&Run| match Tag::read(&run.description) {
        Some(tag) => tag.uid == *seen.uid.0 && request.at.as_deref() == Some(&tag.at),
        None => {
            run.description.is_empty()
                && in_window(run.created, at, seen.bounds)
                && before.is_none_or(|before| run.created > before)
        }
    };
    if let Some(run) = look.runs.iter().find(is_ours) {
        let publication = created(record, &run.id, now);
        return record_run(wish, publication, &run.id, "the run that was made is found");
    }
    let settled = settled_at(request, at, sent, seen);
    if look.begun >= settled {
        return instead(wish, record, mode_of(record), seen, now);
    }
    let listed = plus(sent.unwrap_or(plus(at, seen.bounds.start)), seen.bounds.lag);
    let until = if now < listed { listed } else { settled };
    let message = format!(
        "The answer to CreatePipelineRun was lost, so that a deployment run may or may not exist; it is searched for and, if \
         there is none, made again after {}.",
        crate::state::whole(settled)
    );
    let state = working(wish, Reason::OutcomeUnknown, message);
    because(Step::Wait { until, state }, "a request may still be carried out")
}

/// When a run of this request can have been made.
fn in_window(created: Timestamp, at: Timestamp, bounds: &Bounds) -> bool {
    let early = at.saturating_sub(bounds.skew).unwrap_or(Timestamp::MIN);
    created >= early && created <= plus(at, bounds.start + bounds.signature + bounds.skew)
}

/// From when on the last request can no longer arrive and what it made is listed.
fn settled_at(
    request: &PublicationRequest,
    at: Timestamp,
    sent: Option<Timestamp>,
    seen: &Seen<'_>,
) -> Timestamp {
    let Bounds { call, lag, signature, start, skew: _ } = *seen.bounds;
    let late = plus(at, start + signature + lag);
    match sent {
        _ if seen.identity.proxied => late,
        Some(sent) => plus(sent, call + lag),
        // A dead process of this pod: its connections died with it.
        None if request.holder.as_deref() == Some(&seen.identity.holder) => plus(at, start + call + lag),
        None => late,
    }
}

pub(super) fn plus(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}
