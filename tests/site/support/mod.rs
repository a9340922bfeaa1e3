//! A site for each test, with the actions of applicants, staff and clients.

pub mod browser;
pub mod database;
pub mod delivery;
pub mod desk;
pub mod firefox;
pub mod gate;
pub mod mail;
pub mod name_server;
pub mod pair;
pub mod process;
pub mod relay;
mod reply;
mod sending;
pub mod web_server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::response::Parts;
use axum::http::{HeaderValue, Request, header};
use http_body_util::BodyExt as _;
use npoc::clock::Clock;
use npoc::database::Pool;
use npoc::mailer::{Mailer, Transport};
use npoc::membership::MailIdentity;
use npoc::membership::domain_proof::DomainChecks;
use npoc::outbound::Reach;
use npoc::outbox::{DeliveryOutcome, Outbox};
use npoc::settings::{ReadFor, Settings};
use npoc::web::{self, Limits};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;
use uuid::Uuid;

pub use mail::Mail;
pub use reply::Reply;
pub use sending::{send_body, send_body_with, stored_key};

/// A complete application. Tests may replace any answer.
pub const GOOD: [(&str, &str); 17] = [
    ("organization_name", "Afya Bora Health Network"),
    ("domain_name", "afyabora.or.ke"),
    ("country", "KE"),
    ("registered", "yes"),
    ("registration_note", "NGOs Co-ordination Board, OP.218/051/2014"),
    ("kind_of_work", "health"),
    (
        "statement",
        "We run health posts in four counties.\nWe wish to be heard on how domains are protected.",
    ),
    ("representative_name", "Wanjikũ Kamau"),
    ("representative_role", "Programme director"),
    ("representative_email", "wanjiku@afyabora.or.ke"),
    ("representative_phone", "+254 20 123 4567"),
    ("ncsg_status", "not-yet"),
    ("icann_groups", ""),
    ("authorised", "yes"),
    ("authoriser", "Board of trustees"),
    ("publish", "yes"),
    ("website", ""),
];

/// A site with its own database and mail folder.
pub struct TestSite {
    pub pool: PgPool,
    pub connections: Pool,
    pub identity: MailIdentity,
    pub review: npoc::membership::review::Review,
    pub outbox: Arc<Outbox>,
    pub checks: Option<Arc<DomainChecks>>,
    pub folder: PathBuf,
    service: web::Service,
    site: Arc<web::Site>,
}

impl TestSite {
    /// Starts a site with emails in a folder and no rate limit.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Starts a site with additional settings.
    pub async fn with(extra: &[(&str, &str)]) -> Self {
        Self::within(Limits::default(), extra).await
    }

    /// Starts a site with these limits and additional settings.
    pub async fn within(limits: Limits, extra: &[(&str, &str)]) -> Self {
        Self::at(Clock::default(), limits, extra).await
    }

    /// Starts a site with this clock, these limits and additional settings.
    pub async fn at(clock: Clock, limits: Limits, extra: &[(&str, &str)]) -> Self {
        Self::over(database::fresh().await, clock, limits, extra)
    }

    /// Starts a second site over the database of this one.
    pub fn restarted_with(&self, extra: &[(&str, &str)]) -> Self {
        Self::over(self.pool.clone(), Clock::default(), Limits::default(), extra)
    }

    /// Starts a site whose lookups have this reach.
    pub async fn with_reach(reach: Reach, extra: &[(&str, &str)]) -> Self {
        Self::reaching(
            database::fresh().await,
            Clock::default(),
            Limits::default(),
            extra,
            reach,
        )
    }

    /// Starts a second site over the database of this one, whose lookups have this reach.
    pub fn second_with_reach(&self, reach: Reach, extra: &[(&str, &str)]) -> Self {
        Self::reaching(self.pool.clone(), Clock::default(), Limits::default(), extra, reach)
    }

    /// Starts a site in this database.
    pub async fn on(options: &PgConnectOptions, settings: &[(&str, &str)]) -> Self {
        let pool = PgPool::connect_with(options.clone()).await.unwrap();
        Self::over(pool, Clock::default(), Limits::default(), settings)
    }

    fn over(pool: PgPool, clock: Clock, limits: Limits, extra: &[(&str, &str)]) -> Self {
        Self::reaching(pool, clock, limits, extra, Reach::default())
    }

    fn reaching(pool: PgPool, clock: Clock, limits: Limits, extra: &[(&str, &str)], reach: Reach) -> Self {
        let home = std::env::temp_dir().join(format!("npoc-test-{}", Uuid::new_v4()));
        let usual = [("NPOC_DATA_DIR", home.to_str().unwrap()), ("NPOC_RATE_LIMIT", "0")];
        let settings = settings(&[&usual, extra].concat());
        let mailer = Mailer::new(settings.sender(), settings.transport.clone());
        let connections = Pool::new(pool.clone(), false);
        let outbox = Outbox::new(connections.clone(), mailer, Arc::new(settings.mail_identity()));
        let outbox = Arc::new(outbox.with_clock(clock));
        let checks = settings.outbound().map(|outbound| {
            let outbound = outbound.with_reach(reach);
            Arc::new(DomainChecks::new(
                connections.clone(),
                Arc::clone(&outbox),
                settings.review(),
                outbound,
                settings.rdap,
            ))
        });
        let site = web::Site::new(&settings, connections.clone(), &outbox, checks.clone(), limits).unwrap();
        let folder = match &settings.transport {
            Transport::Folder(folder) => folder.clone(),
            Transport::Smtp(_) => PathBuf::new(),
        };
        Self {
            pool,
            connections,
            identity: settings.mail_identity(),
            review: settings.review(),
            outbox,
            checks,
            folder,
            service: site.service(),
            site,
        }
    }

    /// Listens on a free port. Returns the address.
    pub async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let site = Arc::clone(&self.site);
        tokio::spawn(async move {
            let (_stop, stopping) = watch::channel(false);
            web::serve(site, listener, stopping).await;
        });
        format!("http://{address}")
    }

    /// Starts the server, stops it at once, and waits for its end.
    pub async fn stop(&self) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stop, stopping) = watch::channel(false);
        stop.send_replace(true);
        web::serve(Arc::clone(&self.site), listener, stopping).await;
    }

    /// Serves metrics on a free port. Returns the address.
    pub async fn listen_to_monitor(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let site = Arc::clone(&self.site);
        tokio::spawn(async move {
            let (_stop, stopping) = watch::channel(false);
            web::serve_metrics(site, listener, stopping).await;
        });
        address
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub async fn ask(&self, request: Request<Body>) -> Reply {
        let (head, body) = self.octets(request).await;
        Reply {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Sends a request with a host. Returns the raw answer.
    pub async fn octets(&self, mut request: Request<Body>) -> (Parts, Bytes) {
        let host = HeaderValue::from_static("npoc.test");
        request.headers_mut().entry(header::HOST).or_insert(host);
        let response = self.service.answer(request, None).await.unwrap();
        let (head, body) = response.into_parts();
        (head, body.collect().await.unwrap().to_bytes())
    }

    pub async fn post(&self, fields: &[(&str, &str)]) -> Reply {
        self.post_raw("/membership", encode(fields)).await
    }

    pub async fn post_raw(&self, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.into())
            .unwrap();
        self.ask(request).await
    }

    /// Posts the good application with changes to be checked.
    pub async fn check(&self, changes: &[(&str, &str)]) -> Reply {
        self.post(&[&good_with(changes)[..], &[("step", "check")]].concat())
            .await
    }

    /// Sends the good application with changes and a key.
    pub async fn send(&self, changes: &[(&str, &str)], key: Uuid) -> Reply {
        self.post_raw("/membership", send_body_with(changes, key)).await
    }

    /// Tries each due email once, and the emails about failures. Returns the outcomes. No email is tried twice, even on a
    /// slow machine.
    pub async fn deliver_all(&self) -> Vec<DeliveryOutcome> {
        let due = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= now()";
        let mut left: i64 = sqlx::query_scalar(due).fetch_one(&self.pool).await.unwrap();
        let mut steps = Vec::new();
        while left > 0 {
            match self.outbox.deliver_next().await.unwrap() {
                DeliveryOutcome::Nothing => break,
                step => {
                    left -= i64::from(step != DeliveryOutcome::GivenUp);
                    steps.push(step);
                }
            }
        }
        steps
    }

    /// Reads both emails of an application from the folder: to staff and to the applicant.
    pub fn emails(&self, reference: &str) -> (Mail, Mail) {
        let read = |to: &str| Mail::read(&std::fs::read(self.folder.join(format!("{reference}.{to}.eml"))).unwrap());
        (read("staff"), read("applicant"))
    }

    /// Runs a command of the real program on the database of this site.
    pub fn command(&self, arguments: &[&str]) -> std::process::Output {
        let url = database::url(&self.pool.connect_options());
        process::run(arguments, &[("DATABASE_URL", &url)])
    }

    /// The same, with additional settings. Servers of this test can answer the program.
    pub async fn command_with(&self, arguments: &[&str], settings: &[(&str, &str)]) -> std::process::Output {
        let url = database::url(&self.pool.connect_options());
        let mut command = process::command(&[settings, &[("DATABASE_URL", url.as_str())]].concat());
        command.args(arguments);
        let running = tokio::task::spawn_blocking(move || command.output().unwrap());
        running.await.unwrap()
    }

    pub async fn count(&self, table: &'static str) -> i64 {
        let query = match table {
            "applications" => "SELECT count(*) FROM applications",
            "outbox" => "SELECT count(*) FROM outbox",
            _ => "SELECT count(*) FROM application_history",
        };
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }

    /// Runs the housekeeping once.
    pub async fn run_housekeeping(&self, retention_days: Option<u16>) {
        let done = npoc::housekeeping::run_once(&self.connections, &self.outbox, &self.review, retention_days).await;
        done.unwrap();
    }

    /// Runs SQL that changes rows which are otherwise only added, such as their times.
    pub async fn change_log(&self, table: &str, statement: &'static str) {
        let mut transaction = self.pool.begin().await.unwrap();
        for part in [
            format!("ALTER TABLE {table} DISABLE TRIGGER USER"),
            statement.to_owned(),
            format!("ALTER TABLE {table} ENABLE TRIGGER USER"),
        ] {
            let statement = sqlx::query(sqlx::AssertSqlSafe(part));
            statement.execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    /// Runs SQL that changes times or breaks the schema.
    pub async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.pool).await.unwrap();
    }
}

impl Drop for TestSite {
    fn drop(&mut self) {
        if let Some(home) = self.folder.parent().filter(|home| home.is_dir()) {
            drop(std::fs::remove_dir_all(home));
        }
    }
}

/// Parses settings from these pairs, without the environment.
pub fn settings(pairs: &[(&str, &str)]) -> Settings {
    read_settings(ReadFor::Serve, pairs).unwrap()
}

pub fn read_settings(purpose: ReadFor, pairs: &[(&str, &str)]) -> Result<Settings, npoc::settings::InvalidSettings> {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    Settings::read(purpose, false, |name| {
        pairs
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    })
}

pub fn good_with<'a>(changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let is_kept = |(name, _): &(&str, &str)| !changes.iter().any(|(changed, _)| changed == name);
    GOOD.into_iter()
        .filter(is_kept)
        .chain(changes.iter().copied())
        .collect()
}

pub fn encode(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

pub fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
