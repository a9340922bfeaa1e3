//! A site of its own for each test, with verbs of the domain.

pub mod browser;
pub mod database;
pub mod firefox;
pub mod gate;
pub mod pair;
pub mod process;
pub mod relay;
mod sending;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use mail_parser::MessageParser;
use npoc::clock::Clock;
use npoc::database::Pool;
use npoc::mailer::{Mailer, Transport};
use npoc::membership::{Field, MailIdentity};
use npoc::outbox::{Outbox, Step};
use npoc::settings::{Purpose, Settings};
use npoc::web::{self, Limits};
use scraper::{Html, Selector};
use sqlx::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

pub use sending::stored_key;

/// A complete application, any part of which a test may replace.
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

/// A site on a database of its own, its mail in a folder of its own.
pub struct TestSite {
    pub pool: PgPool,
    pub connections: Pool,
    pub head: MailIdentity,
    pub outbox: Arc<Outbox>,
    pub folder: PathBuf,
    service: web::Service,
    site: Arc<web::Site>,
}

/// An answer, read whole.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

/// A mail as a parser that did not write it reads it.
pub struct Mail {
    pub raw: String,
    pub text: String,
    pub html: String,
    pub subject: String,
}

impl TestSite {
    /// With mail into a folder and no rate limit.
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With these settings besides.
    pub async fn with(extra: &[(&str, &str)]) -> Self {
        Self::within(Limits::default(), extra).await
    }

    /// Within these limits, with these settings besides.
    pub async fn within(limits: Limits, extra: &[(&str, &str)]) -> Self {
        Self::at(Clock::default(), limits, extra).await
    }

    /// On a machine whose clock is set so, within these limits, with these settings besides.
    pub async fn at(clock: Clock, limits: Limits, extra: &[(&str, &str)]) -> Self {
        let pool = database::fresh().await;
        let home = std::env::temp_dir().join(format!("npoc-test-{}", Uuid::new_v4()));
        let settings = settings(
            &[
                &[("NPOC_DATA_DIR", home.to_str().unwrap()), ("NPOC_RATE_LIMIT", "0")],
                extra,
            ]
            .concat(),
        );
        let mailer = Mailer::new(settings.sender(), settings.transport.clone());
        let connections = Pool::new(pool.clone(), false);
        let outbox = Outbox::new(connections.clone(), mailer, Arc::new(settings.mail_identity()));
        let outbox = Arc::new(outbox.with_clock(clock));
        let site = web::Site::new(&settings, connections.clone(), &outbox, limits).unwrap();
        let folder = match &settings.transport {
            Transport::Folder(folder) => folder.clone(),
            Transport::Smtp(_) => PathBuf::new(),
        };
        Self {
            pool,
            connections,
            head: settings.mail_identity(),
            outbox,
            folder,
            service: site.service(),
            site,
        }
    }

    /// On a port of its own, for those who come by network. Returns its address.
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

    /// Begins to serve, is told to stop at once, and returns when all has ended.
    pub async fn stop(&self) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (stop, stopping) = watch::channel(false);
        stop.send_replace(true);
        web::serve(Arc::clone(&self.site), listener, stopping).await;
    }

    /// For a monitor, on a port of its own.
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

    /// An answer as it goes over the wire. As with every client, the request has a host.
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

    /// The good application with changes, at the step of checking.
    pub async fn check(&self, changes: &[(&str, &str)]) -> Reply {
        self.post(&[&good_with(changes)[..], &[("step", "check")]].concat())
            .await
    }

    /// The good application with changes, sent with a key.
    pub async fn send(&self, changes: &[(&str, &str)], key: Uuid) -> Reply {
        let key = key.to_string();
        self.post(&[&good_with(changes)[..], &[("step", "send"), ("submission_key", &key)]].concat())
            .await
    }

    /// Tries each mail once that is due, and those that are queued about it, and says what became of each. However slow
    /// the machine, none is tried twice.
    pub async fn deliver_all(&self) -> Vec<Step> {
        let due = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND given_up_at IS NULL AND due_at <= now()";
        let mut left: i64 = sqlx::query_scalar(due).fetch_one(&self.pool).await.unwrap();
        let mut steps = Vec::new();
        while left > 0 {
            match self.outbox.deliver_next().await.unwrap() {
                Step::Nothing => break,
                step => {
                    left -= i64::from(step != Step::GivenUp);
                    steps.push(step);
                }
            }
        }
        steps
    }

    /// Both mails of an application, from the folder: staff's and the applicant's.
    pub fn mails(&self, reference: &str) -> (Mail, Mail) {
        let read = |to: &str| Mail::read(&std::fs::read(self.folder.join(format!("{reference}.{to}.eml"))).unwrap());
        (read("staff"), read("applicant"))
    }

    /// Runs the real program beside this site.
    pub fn command(&self, arguments: &[&str]) -> std::process::Output {
        let url = database::url(&self.pool.connect_options());
        process::run(arguments, &[("DATABASE_URL", &url)])
    }

    pub async fn count(&self, table: &'static str) -> i64 {
        let query = match table {
            "applications" => "SELECT count(*) FROM applications",
            "outbox" => "SELECT count(*) FROM outbox",
            _ => "SELECT count(*) FROM application_history",
        };
        sqlx::query_scalar(query).fetch_one(&self.pool).await.unwrap()
    }

    /// Looks after everything as a running site does from time to time.
    pub async fn look(&self, retention_days: Option<u16>) {
        let looked = npoc::watch::look(&self.connections, &self.outbox, &self.head, retention_days).await;
        looked.unwrap();
    }

    /// Runs SQL as a test's way to move rows in time or to break the schema.
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

impl Reply {
    /// An answer that came through the network, without its headers.
    pub fn of(answer: process::Answer) -> Self {
        Self {
            status: StatusCode::from_u16(answer.status).unwrap(),
            headers: HeaderMap::new(),
            body: answer.body,
        }
    }

    pub fn html(&self) -> Html {
        Html::parse_document(&self.body)
    }

    /// The text of the first element that matches, white space folded.
    pub fn text_of(&self, selector: &str) -> String {
        self.all(selector).into_iter().next().unwrap_or_default()
    }

    /// The text of each element that matches.
    pub fn all(&self, selector: &str) -> Vec<String> {
        let selector = Selector::parse(selector).unwrap();
        self.html()
            .select(&selector)
            .map(|element| folded(&element.text().collect::<String>()))
            .collect()
    }

    /// One attribute of each element that matches.
    pub fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let selector = Selector::parse(selector).unwrap();
        let html = self.html();
        html.select(&selector)
            .filter_map(|element| element.attr(name))
            .map(str::to_owned)
            .collect()
    }

    pub fn location(&self) -> &str {
        self.headers[header::LOCATION].to_str().unwrap()
    }

    pub fn submission_key(&self) -> Uuid {
        self.attributes("input[name=submission_key]", "value")[0]
            .parse()
            .unwrap()
    }

    /// What the form page or the check page gives back for a field.
    pub fn kept(&self, name: &str) -> Vec<String> {
        let mut kept = self.attributes(
            &format!("input[type=text][name={name}], input[type=hidden][name={name}], input[name={name}][checked]"),
            "value",
        );
        kept.extend(self.attributes(&format!("select[name={name}] option[selected]"), "value"));
        // The parser leaves the first line break of a textarea out, as browsers do.
        let textarea = Selector::parse(&format!("textarea[name={name}]")).unwrap();
        kept.extend(
            self.html()
                .select(&textarea)
                .map(|area| area.text().collect::<String>()),
        );
        kept
    }

    /// Asserts that the page gives back all of these that are answers.
    pub fn assert_keeps(&self, typed: &[(&str, &str)]) {
        for (name, value) in typed
            .iter()
            .filter(|(name, value)| Field::named(name).is_some() && !value.is_empty())
        {
            assert_eq!(self.kept(name), [*value], "{name}");
        }
    }
}

impl Mail {
    pub fn read(raw: &[u8]) -> Self {
        let mail = MessageParser::default().parse(raw).unwrap();
        Self {
            raw: String::from_utf8_lossy(raw).into_owned(),
            text: mail.body_text(0).unwrap().replace("\r\n", "\n"),
            html: mail.body_html(0).unwrap().into_owned(),
            subject: mail.subject().unwrap().to_owned(),
        }
    }

    /// A header as the file has it, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.raw.split("\r\n\r\n").next()?.replace("\r\n ", " ");
        let prefix = format!("{}:", name.to_lowercase());
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&prefix))?;
        Some(line[prefix.len()..].trim().to_owned())
    }
}

/// Settings from these alone, none from the environment.
pub fn settings(pairs: &[(&str, &str)]) -> Settings {
    read_settings(Purpose::Serve, pairs).unwrap()
}

pub fn read_settings(purpose: Purpose, pairs: &[(&str, &str)]) -> Result<Settings, npoc::settings::Faults> {
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
