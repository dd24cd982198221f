use std::sync::Mutex;

use kube::core::Status;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn project(n: usize) -> ProjectId {
    n.to_string().parse().unwrap()
}

#[test]
fn reads_what_it_wrote() {
    let day = Some(Day { number: 20_454, used: 57, swept: 9 });
    let shut = |quota| Some(Shut { quota, assumed: 56, probe: at(3600) });
    let looked = BTreeMap::from([(project(123_456), at(1)), (project(7), at(2))]);
    for kept in [
        Kept { day, ..Kept::default() },
        Kept { day, shut: shut(Quota::Day), looked: looked.clone(), ..Kept::default() },
        Kept {
            day,
            shut: shut(Quota::Month),
            looked,
            others: BTreeMap::from([
                (
                    "aa".to_owned(),
                    Spent { day: Day { number: 1, used: 2, swept: 0 }, shut: shut(Quota::Day) },
                ),
                ("bb".to_owned(), Spent { day: Day { number: 1, used: 0, swept: 0 }, shut: None }),
            ]),
            workspaces: BTreeMap::from([("cc".to_owned(), at(3))]),
        },
    ] {
        let data = written(&kept);
        assert_eq!(read(&data), (kept, Vec::new()));
    }
}

#[test]
fn what_cannot_be_read_is_named_and_absent() {
    let day = Some(Day { number: 1, used: 2, swept: 0 });
    let good = [("day", "1"), ("calls", "2")];
    type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Kept, &'a [&'a str]);
    let rows: [Row<'_>; 10] = [
        ("half a budget", &[("budget.aa.day", "1")], Kept { day, ..Kept::default() }, &["budget."]),
        (
            "no time",
            &[("workspace-looked-at.cc", "then")],
            Kept { day, ..Kept::default() },
            &["workspace-looked-at.cc"],
        ),
        ("an earlier version's", &[], Kept { day, ..Kept::default() }, &[]),
        ("no count", &[("calls", "many")], Kept::default(), &["day"]),
        ("a negative count", &[("calls", "-1")], Kept::default(), &["day"]),
        ("no number of sweeps", &[("sweep-calls", "")], Kept::default(), &["day"]),
        ("half a quota", &[("used-up", "day")], Kept { day, ..Kept::default() }, &["used-up"]),
        (
            "an unknown quota",
            &[("used-up", "year"), ("assumed-limit", "5"), ("probe-at", "2026-01-02T03:04:05Z")],
            Kept { day, ..Kept::default() },
            &["used-up"],
        ),
        ("foreign", &[("owner", "me")], Kept { day, ..Kept::default() }, &["owner"]),
        (
            "one look of three",
            &[
                ("looked-at.x", "2026-01-02T03:04:05Z"),
                ("looked-at.8", "yesterday"),
                ("looked-at.9", "2023-11-14T22:13:20Z"),
            ],
            Kept { day, looked: BTreeMap::from([(project(9), at(0))]), ..Kept::default() },
            &["looked-at.8", "looked-at.x"],
        ),
    ];
    for (name, more, kept, unreadable) in rows {
        let data: BTreeMap<String, String> =
            good.iter().chain(more).map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        assert_eq!(read(&data), (kept, unreadable.to_vec()), "{name}");
    }
}

fn refused(code: u16) -> kube::Error {
    let reason = if code == 403 { "Forbidden" } else { "InternalError" };
    kube::Error::Api(Box::new(Status::failure("no", reason).with_code(code)))
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_is_waited_for() {
    type Answer = Option<Result<Option<u8>, kube::Error>>;
    // Answers one after the other, `None` for one that never comes, and what is taken over.
    let rows: [(&str, Vec<Answer>, Option<u8>); 4] = [
        ("there", vec![Some(Ok(Some(1)))], Some(1)),
        ("nothing was kept", vec![Some(Ok(None))], None),
        ("later", vec![Some(Err(refused(500))), None, Some(Err(refused(503))), Some(Ok(Some(1)))], Some(1)),
        ("not for us", vec![Some(Err(refused(500))), Some(Err(refused(403)))], None),
    ];
    for (name, answers, want) in rows {
        let answers = Mutex::new(answers.into_iter());
        let get = || {
            let answer = answers.lock().unwrap().next().expect("asked once too often");
            async { if let Some(answer) = answer { answer } else { std::future::pending().await } }
        };
        assert_eq!(patiently(get).await, want, "{name}");
        assert!(answers.lock().unwrap().next().is_none(), "{name}: asked too seldom");
    }
}

#[test]
fn it_stays_below_what_a_config_map_holds() {
    let looked: BTreeMap<ProjectId, Timestamp> = (1..=MOST_WORKSPACES + 1)
        .map(|n| (project(usize::MAX / 2 - n), at(i64::try_from(n).unwrap())))
        .collect();
    let kept = Kept { looked: youngest(looked), ..Kept::default() };
    assert_eq!(kept.looked.len(), MOST_WORKSPACES);
    assert!(!kept.looked.values().any(|looked| *looked == at(1)), "the oldest is dropped");
    let bytes: usize = written(&kept).iter().map(|(key, text)| key.len() + text.len()).sum();
    assert!(bytes < 512 * 1024, "{bytes}");
}
