//! The two pods: kept running, and killed and frozen as the plan says.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::plan::{Blow, Who};
use crate::support::operator::{Launch, Operator};
use crate::support::{DEADLINE, Scene, poll};

/// Between two looks at the lease, which is read to strike at any moment of its life.
const PAUSE: Duration = Duration::from_millis(50);

/// What every process of a campaign logged, each under its pod.
pub(crate) type Logs = Rc<RefCell<Vec<(String, String)>>>;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Blows {
    pub(crate) kills: u64,
    pub(crate) freezes: u64,
    pub(crate) on_leader: u64,
    /// Leaders that ended by themselves, because another had taken over.
    pub(crate) deposed: u64,
}

/// Both pods.
pub(crate) struct Crew {
    scene: Rc<Scene>,
    pods: Vec<Pod>,
    pub(crate) blows: Rc<RefCell<Blows>>,
}

struct Pod {
    uid: Rc<RefCell<String>>,
    orders: mpsc::Sender<(Order, oneshot::Sender<()>)>,
    keeper: JoinHandle<()>,
}

#[derive(Debug)]
enum Order {
    Blow(Blow),
    /// Ended for good.
    End,
}

impl Crew {
    /// Starts both. Must be called inside of a `LocalSet`.
    pub(crate) fn start(scene: &Rc<Scene>, launch: &Launch, logs: &Logs) -> Self {
        let blows = Rc::new(RefCell::new(Blows::default()));
        let pods = ["a", "b"].map(|name| Pod::start(name, launch.clone(), logs, &blows));
        Self { scene: Rc::clone(scene), pods: pods.into(), blows }
    }

    /// Strikes one of them and waits until it runs again.
    pub(crate) async fn strike(&self, who: Who, blow: Blow) {
        let leader = match who {
            Who::Leader => Some(poll(DEADLINE, PAUSE, "nobody leads", async || self.leader().await).await),
            Who::Standby => self.leader().await,
        };
        let at = match who {
            Who::Leader => leader.unwrap_or(0),
            Who::Standby => 1 - leader.unwrap_or(0),
        };
        self.count(blow, leader == Some(at));
        self.pods[at].order(Order::Blow(blow)).await;
    }

    fn count(&self, blow: Blow, on_leader: bool) {
        let mut blows = self.blows.borrow_mut();
        blows.on_leader += u64::from(on_leader);
        match blow {
            Blow::Kill { .. } => blows.kills += 1,
            Blow::Freeze { .. } => blows.freezes += 1,
            Blow::FreezeAndKill { .. } => (blows.kills, blows.freezes) = (blows.kills + 1, blows.freezes + 1),
        }
    }

    /// Ends one; the other is left.
    pub(crate) async fn leave_one(&mut self) {
        let pod = self.pods.remove(0);
        pod.order(Order::End).await;
        pod.keeper.await.unwrap();
    }

    /// Ends all that are left.
    pub(crate) async fn end(mut self) {
        while !self.pods.is_empty() {
            self.leave_one().await;
        }
    }

    /// Which of them holds the lease.
    async fn leader(&self) -> Option<usize> {
        let leases: Api<Lease> = Api::namespaced(self.scene.client.clone(), &self.scene.namespace);
        let lease = leases.get_opt("dataworks-operator").await.unwrap()?;
        let holder = lease.spec?.holder_identity?;
        self.pods.iter().position(|pod| *pod.uid.borrow() == holder)
    }
}

impl Pod {
    fn start(name: &'static str, launch: Launch, logs: &Logs, blows: &Rc<RefCell<Blows>>) -> Self {
        let (orders, taken) = mpsc::channel(1);
        let uid = Rc::new(RefCell::new(String::new()));
        let keeper = Keeper {
            name,
            count: 0,
            launch,
            uid: Rc::clone(&uid),
            logs: Rc::clone(logs),
            blows: Rc::clone(blows),
        };
        Self { uid, orders, keeper: tokio::task::spawn_local(keeper.keep(taken)) }
    }

    async fn order(&self, order: Order) {
        let (done, ended) = oneshot::channel();
        self.orders.send((order, done)).await.expect("the keeper runs");
        ended.await.expect("the keeper obeys");
    }
}

/// Keeps one pod running, as the kubelet and the Deployment do.
struct Keeper {
    name: &'static str,
    count: u64,
    launch: Launch,
    uid: Rc<RefCell<String>>,
    logs: Logs,
    blows: Rc<RefCell<Blows>>,
}

impl Keeper {
    async fn keep(mut self, mut orders: mpsc::Receiver<(Order, oneshot::Sender<()>)>) {
        let mut operator = self.fresh();
        loop {
            tokio::select! {
                end = operator.exited() => {
                    // By itself: its lease is lost.
                    let log = operator.log();
                    assert!(!end.success() && log.contains("the lease is lost"), "{end}: {log}");
                    self.blows.borrow_mut().deposed += 1;
                    self.keep_log(log);
                    operator = self.same();
                }
                order = orders.recv() => {
                    let Some((order, done)) = order else { return };
                    match order {
                        Order::Blow(blow) => operator = self.strike(operator, blow).await,
                        Order::End => {
                            let log = operator.kill().await;
                            self.keep_log(log);
                            done.send(()).ok();
                            return;
                        }
                    }
                    done.send(()).ok();
                }
            }
        }
    }

    async fn strike(&mut self, operator: Operator, blow: Blow) -> Operator {
        let (freeze, kill) = match blow {
            Blow::Kill { same_pod } => (None, Some(same_pod)),
            Blow::Freeze { ms } => (Some(ms), None),
            Blow::FreezeAndKill { ms, same_pod } => (Some(ms), Some(same_pod)),
        };
        if let Some(ms) = freeze {
            operator.pause().await;
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        match kill {
            None => {
                operator.resume().await;
                operator
            }
            Some(same_pod) => {
                let log = operator.kill().await;
                self.keep_log(log);
                if same_pod { self.same() } else { self.fresh() }
            }
        }
    }

    /// As a new pod.
    fn fresh(&mut self) -> Operator {
        self.count += 1;
        *self.uid.borrow_mut() = format!("pod-{}{}", self.name, self.count);
        self.same()
    }

    /// As the same pod.
    fn same(&self) -> Operator {
        self.launch.clone().pod(&self.uid.borrow()).start()
    }

    fn keep_log(&self, log: String) {
        self.logs.borrow_mut().push((self.uid.borrow().clone(), log));
    }
}
