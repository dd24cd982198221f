use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use http::{Request, Response};
use kube::client::Body;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tower::service_fn;

use super::*;

fn check(data: &[(&str, &[u8])]) -> Result<String, String> {
    let data: BTreeMap<String, ByteString> =
        data.iter().map(|(key, value)| ((*key).to_owned(), ByteString(value.to_vec()))).collect();
    let key = taken("s", Secret { data: Some(data), ..Secret::default() })?;
    let token = key.security_token.map_or_else(String::new, |token| token.expose_secret().to_owned());
    Ok(format!("{} {} {token}", key.access_key_id, key.access_key_secret.expose_secret()))
}

#[test]
fn a_secret_holds_a_key_or_says_what_is_missing() {
    let long = "x".repeat(LONGEST + 1);
    let (id, secret): (&[u8], &[u8]) = (b"LTAI1", b"hush");
    type Row<'a> = (&'a [(&'a str, &'a [u8])], Result<&'a str, &'a str>);
    let rows: [Row<'_>; 9] = [
        (&[(ID, id), (SECRET, secret)], Ok("LTAI1 hush ")),
        (&[(ID, b" LTAI1\n"), (SECRET, b"hush\n"), (TOKEN, b"t")], Ok("LTAI1 hush t")),
        (&[(ID, id), (SECRET, secret), (TOKEN, b"")], Ok("LTAI1 hush ")),
        (&[(SECRET, secret)], Err("has no key accessKeyId")),
        (&[(ID, id)], Err("has no key accessKeySecret")),
        (&[(ID, id), (SECRET, b" \n")], Err("has no key accessKeySecret")),
        (&[(ID, id), (SECRET, b"hu sh")], Err("Key accessKeySecret of Secret \"s\" holds spaces")),
        (&[(ID, id), (SECRET, &[0xff])], Err("holds no text")),
        (&[(ID, id), (SECRET, long.as_bytes())], Err("is too long")),
    ];
    for (data, want) in rows {
        match (check(data), want) {
            (Ok(found), Ok(want)) => assert_eq!(found, want),
            (Err(found), Err(want)) => {
                assert!(found.contains(want) && !found.contains("hu"), "{found}");
            }
            (found, want) => panic!("{found:?}, not {want:?}"),
        }
    }
}

const HOUR: Duration = Duration::from_hours(1);

/// Secrets of an API server that answers as it is told.
fn secrets<A>(answer: impl Fn(bool) -> A + Send + Sync + 'static) -> Secrets
where
    A: Future<Output = (u16, Value)> + Send + 'static,
{
    let service = service_fn(move |request: Request<Body>| {
        let answer = answer(request.uri().query().is_some_and(|query| query.contains("watch=")));
        async move {
            let (status, body) = answer.await;
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(body).unwrap())
        }
    });
    Secrets::new(kube::Client::new(service, "ns"))
}

fn refusal(code: u16, reason: &str) -> (u16, Value) {
    (code, json!({ "kind": "Status", "status": "Failure", "message": "m", "reason": reason, "code": code }))
}

fn start(secrets: &Secrets, workspace: &str) -> Watched {
    Watched::start(secrets, &ObjectKey::new("ns", workspace), "key")
}

/// When something happened, by the test's own clock.
#[derive(Clone, Default)]
struct Times(Arc<Mutex<Vec<Instant>>>);

impl Times {
    fn now(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The pauses in between.
    fn apart(&self) -> Vec<Duration> {
        self.0.lock().unwrap().windows(2).map(|two| two[1] - two[0]).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_read_more_and_more_seldom_and_at_once_when_somebody_asks() {
    for (status, reason) in [(403, "Forbidden"), (500, "InternalError")] {
        let reads = Times::default();
        let read = reads.clone();
        let secrets = secrets(move |_| {
            read.now();
            std::future::ready(refusal(status, reason))
        });
        let mut watched = start(&secrets, "w");
        assert!(matches!(watched.current().await, Key::Forbidden | Key::Unread), "{reason}");
        tokio::time::sleep(HOUR).await;
        let apart = reads.apart();
        let longer = apart.windows(2).filter(|two| two[1] > two[0].mul_f64(1.5)).count();
        assert!(apart[0] < 2 * POLL && longer >= 3, "{reason}: {apart:?}");
        assert!(apart.len() < 20 && apart.iter().all(|pause| *pause <= HOUR / 10), "{reason}: {apart:?}");

        let before = reads.count();
        watched.ask();
        tokio::time::sleep(LEAST).await;
        assert_eq!(reads.count(), before + 1, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_and_again_has_it_read_no_more_often_than_it_may_be() {
    let reads = Times::default();
    let read = reads.clone();
    let secrets = secrets(move |_| {
        read.now();
        std::future::ready(refusal(403, "Forbidden"))
    });
    let mut watched = start(&secrets, "w");
    watched.current().await;
    for _ in 0..1000 {
        watched.ask();
        tokio::time::sleep(LEAST / 100).await;
    }
    assert!(reads.apart().iter().all(|pause| *pause >= LEAST), "{:?}", reads.apart());
    assert!(reads.count() > 5);
}

/// Whoever makes a thousand workspaces may let all of them name one Secret of 1.5 MB.
#[tokio::test(start_paused = true)]
async fn few_are_read_at_a_time() {
    const WORKSPACES: usize = 40;
    let (now, most) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let (reading, reached) = (Arc::clone(&now), Arc::clone(&most));
    let secrets = secrets(move |_| {
        let (reading, reached) = (Arc::clone(&reading), Arc::clone(&reached));
        async move {
            let count = {
                let mut count = reading.lock().unwrap();
                *count += 1;
                *count
            };
            {
                let mut reached = reached.lock().unwrap();
                *reached = count.max(*reached);
            }
            tokio::time::sleep(LEAST).await;
            *reading.lock().unwrap() -= 1;
            refusal(403, "Forbidden")
        }
    });
    let all: Vec<Watched> = (0..WORKSPACES).map(|n| start(&secrets, &format!("w{n}"))).collect();
    for mut watched in all {
        assert!(matches!(watched.current().await, Key::Forbidden));
    }
    assert_eq!(*most.lock().unwrap(), READERS);
}

#[tokio::test(start_paused = true)]
async fn a_secret_with_much_beside_its_data_is_not_watched_and_read_now_and_then() {
    for (name, note, watched_at_all) in
        [("small", "x".repeat(100), true), ("large", "x".repeat(MOST_WATCHED), false)]
    {
        let (reads, watches) = (Times::default(), Times::default());
        let (read, watch) = (reads.clone(), watches.clone());
        let secret = json!({
            "kind": "Secret", "apiVersion": "v1",
            "metadata": { "name": "key", "resourceVersion": "1", "annotations": { "note": note } },
            "data": { ID: "TFRBSQ==", SECRET: "aHVzaA==" },
        });
        let secrets = secrets(move |is_watch| {
            let answer = match is_watch {
                true => {
                    watch.now();
                    (200, json!({}))
                }
                false => {
                    read.now();
                    (200, secret.clone())
                }
            };
            std::future::ready(answer)
        });
        let mut watched = start(&secrets, "w");
        assert!(matches!(watched.current().await, Key::Given(_)), "{name}");
        tokio::time::sleep(HOUR).await;
        assert_eq!(watches.count() > 0, watched_at_all, "{name}");
        if !watched_at_all {
            assert!((10..20).contains(&reads.count()), "{name}: {}", reads.count());
        }
    }
}
