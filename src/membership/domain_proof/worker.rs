//! Runs due checks in the background, at most four at a time and each for at most thirty seconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::fact_check::{CHECK_LIMIT, FactCheck};
use super::queue::{self, Claimed, What};
use super::recording::{Token, record_look, token_of};
use super::staff_notice::tell_staff;
use super::{Outcome, Way, facts, registry, token_search};
use crate::database::{Pool, within};
use crate::membership::review::Review;
use crate::outbound::{Outbound, can_read_own_addresses};
use crate::outbox::Outbox;
use crate::values::DomainName;

/// How often the table is read although nothing woke the worker: checks by timetable, and those of a killed process.
const POLL: Duration = Duration::from_secs(30);

/// How often new applications are looked for, and whether there is something to tell staff.
const SURVEY: Duration = Duration::from_mins(1);

/// How long the database may take, so that a lost answer does not stop the checks.
const DATABASE_LIMIT: Duration = Duration::from_secs(20);

/// How long checks of one application are begun, for a person who waits.
const ALL_LIMIT: Duration = Duration::from_mins(2);

/// The pause until a check that cannot be claimed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// The time limit of a check with its rows, and of a survey, so that a lost packet does not stop them for ever.
const TASK_LIMIT: Duration = Duration::from_secs(75);

/// The most checks of this process at the same time.
const AT_ONCE: usize = 4;

async fn in_time(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::time::timeout(TASK_LIMIT, work).await?
}

/// Everything that checks need.
#[derive(Debug)]
pub struct DomainChecks {
    pool: Pool,
    outbox: Arc<Outbox>,
    review: Review,
    outbound: Outbound,
    asks_registries: bool,
    /// Wakes the worker, because a check is due.
    due: Notify,
}

impl DomainChecks {
    /// Returns checks that ask through `outbound`, and ask registries if `asks_registries` is true.
    #[must_use]
    pub fn new(pool: Pool, outbox: Arc<Outbox>, review: Review, outbound: Outbound, asks_registries: bool) -> Self {
        Self {
            pool,
            outbox,
            review,
            outbound,
            asks_registries,
            due: Notify::new(),
        }
    }

    /// Wakes the worker, because a check is due.
    pub fn wake(&self) {
        self.due.notify_one();
    }

    /// Runs checks until told to stop. A check that the stop interrupts becomes due again.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        if !can_read_own_addresses() {
            tracing::warn!("this machine's addresses cannot be read, so no website is visited");
        }
        let mut tasks = JoinSet::new();
        let mut surveyed: Option<Instant> = None;
        while !*stop.borrow() {
            if surveyed.is_none_or(|at| at.elapsed() >= SURVEY) {
                surveyed = Some(Instant::now());
                tokio::select! {
                    done = in_time(self.survey()) => self.report(done),
                    _ = stop.wait_for(|is_stopping| *is_stopping) => break,
                }
            }
            self.start_due(&mut tasks).await;
            tokio::select! {
                Some(ended) = tasks.join_next() => if let Err(panic) = ended {
                    tracing::error!(%panic, "domain check ended abnormally");
                },
                () = self.due.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        tasks.shutdown().await;
    }

    /// Claims due checks while there is room.
    async fn start_due(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        while tasks.len() < AT_ONCE {
            match within(DATABASE_LIMIT, self.next()).await {
                Ok(Some(claimed)) => {
                    let checks = Arc::clone(self);
                    tasks.spawn(async move { checks.report(in_time(Box::pin(checks.check(&claimed))).await) });
                }
                Ok(None) => return,
                Err(error) => return self.report(Err(error.into())),
            }
        }
    }

    async fn next(&self) -> sqlx::Result<Option<Claimed>> {
        let mut session = self.pool.session().await?;
        let is_due = queue::is_due(&mut session).await?;
        session.end().await?;
        if is_due {
            queue::claim(&self.pool, None).await
        } else {
            Ok(None)
        }
    }

    fn report(&self, done: anyhow::Result<()>) {
        if let Err(error) = done {
            self.pool.recheck_server();
            tracing::warn!(error = format!("{error:#}"), "domain checks failed, retrying");
        }
    }

    /// Runs the next due check. Returns whether there was one.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable or an email cannot be rendered.
    pub async fn check_next(&self) -> anyhow::Result<bool> {
        let Some(claimed) = queue::claim(&self.pool, None).await? else {
            return Ok(false);
        };
        self.check(&claimed).await?;
        Ok(true)
    }

    /// Runs every check of an application. Returns whether there is such an application.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable or an email cannot be rendered.
    pub async fn check_all_of(&self, reference: &str) -> anyhow::Result<bool> {
        if !facts::make_due(&self.pool, reference).await? {
            return Ok(false);
        }
        let deadline = Instant::now() + ALL_LIMIT;
        loop {
            match self.check_one_of(reference).await {
                Ok(false) => return Ok(true),
                Ok(true) => {}
                // The check becomes due again.
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(error) => {
                    self.report(Err(error));
                    tokio::time::sleep(PAUSE).await;
                }
            }
            if Instant::now() >= deadline {
                return Ok(true);
            }
        }
    }

    /// Runs a due check of an application, or waits a moment for one that cannot be claimed. Returns whether there was one.
    async fn check_one_of(&self, reference: &str) -> anyhow::Result<bool> {
        if !queue::waits(&self.pool, reference).await? {
            return Ok(false);
        }
        match queue::claim(&self.pool, Some(reference)).await? {
            Some(claimed) => self.check(&claimed).await?,
            // Another process has it, or the registry was asked a moment ago.
            None => tokio::time::sleep(PAUSE).await,
        }
        Ok(true)
    }

    /// Returns whether checks of an application are due, or are being made.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable.
    pub async fn waits(&self, reference: &str) -> sqlx::Result<bool> {
        queue::waits(&self.pool, reference).await
    }

    /// Makes the facts of new applications due, and tells staff about those that matter.
    ///
    /// # Errors
    /// Returns an error if the database is unavailable or an email cannot be rendered.
    pub async fn survey(&self) -> anyhow::Result<()> {
        within(DATABASE_LIMIT, facts::queue_new(&self.pool)).await?;
        if self.asks_registries {
            registry::renew_bootstrap(&self.pool, &self.outbound).await?;
        }
        if tell_staff(&self.pool, &self.review).await? > 0 {
            self.outbox.wake();
        }
        Ok(())
    }

    async fn check(&self, claimed: &Claimed) -> anyhow::Result<()> {
        match claimed.what {
            What::DnsToken | What::WebToken => self.look_for_token(claimed).await,
            What::Website | What::DnsFacts | What::Registry => {
                let check = FactCheck {
                    pool: &self.pool,
                    outbound: &self.outbound,
                    claimed,
                    asks_registries: self.asks_registries,
                };
                check.run().await
            }
        }
    }

    async fn look_for_token(&self, claimed: &Claimed) -> anyhow::Result<()> {
        let mut session = self.pool.session().await?;
        let token = token_of(&mut session, claimed).await?;
        let domain = DomainName::parse(&claimed.name);
        let (Some(token), Ok(domain)) = (&token, domain) else {
            queue::put_off(&mut session, claimed, None).await?;
            return Ok(session.end().await?);
        };
        // A withdrawal can be undone.
        if !token.is_wanted {
            queue::put_off(&mut session, claimed, token.pause).await?;
            return Ok(session.end().await?);
        }
        session.end().await?;
        let looked = tokio::time::timeout(CHECK_LIMIT, self.look(token, &domain)).await;
        let outcome = looked.unwrap_or(Outcome::TooSlow);
        if record_look(&self.pool, &self.review, claimed, &outcome).await? {
            self.outbox.wake();
        }
        Ok(())
    }

    async fn look(&self, token: &Token, domain: &DomainName) -> Outcome {
        match token.way {
            Way::Web => token_search::by_web(&self.outbound, domain, &token.text).await,
            Way::Dns | Way::Mail => token_search::by_dns(&self.outbound, domain, &token.text).await,
        }
    }
}
