//! Measures the work for an application inside the process, without network, database and relay.
//!
//! `cargo bench` measures times. `cargo bench --bench inside -- count NAME TIMES` runs one benchmark that many times. Under
//! callgrind, the difference of two runs is a number of instructions, which does not depend on the machine's load.

#![expect(clippy::expect_used, reason = "a benchmark without its setup cannot run")]

use std::hint::black_box;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use criterion::Criterion;
use http_body_util::BodyExt as _;
use npoc::database::Pool;
use npoc::locale::Language;
use npoc::mailer::{Email, Mailer, MessageSeed};
use npoc::membership::{Answers, Application, NewApplication, SpamSigns, check, emails};
use npoc::outbox::Outbox;
use npoc::settings::{ReadFor, Settings};
use npoc::web::{Limits, Service, Site};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use time::OffsetDateTime;
use tokio::runtime::{Builder, Runtime};

const FORM: &str = "form_key=018f0000-0000-7000-8000-000000000000&step=check&country=KE&registered=yes\
    &organization_name=Afya+Bora+Health+Network&domain_name=afyabora.or.ke&kind_of_work=health\
    &registration_note=NGOs+Co-ordination+Board%2C+OP.218%2F051%2F2014&ncsg_status=not-yet&authorised=yes&publish=yes\
    &statement=We+run+health+posts+in+four+counties.+We+wish+to+be+heard+on+how+domains+are+protected.\
    &representative_name=Wanjik%C5%A9+Kamau&representative_role=Programme+director\
    &representative_email=wanjiku%40afyabora.or.ke&representative_phone=%2B254+20+123+4567";

fn main() {
    let benchmarks = benchmarks();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, name, times, ..] = &arguments[..]
        && command == "count"
    {
        let (_, work) = benchmarks
            .iter()
            .find(|(one, _)| one == name)
            .expect("one of the names");
        (0..times.parse::<u32>().expect("a number")).for_each(|_| work());
        return;
    }
    let mut criterion = Criterion::default().configure_from_args();
    for (name, work) in &benchmarks {
        criterion.bench_function(name, |bencher| bencher.iter(work));
    }
    criterion.final_summary();
}

/// The benchmarks, by name.
type Benchmarks = Vec<(&'static str, Box<dyn Fn()>)>;

fn benchmarks() -> Benchmarks {
    let settings = Settings::read(ReadFor::Serve, false, |name| {
        (name == "HOME").then(|| "/home".to_owned())
    });
    let settings = settings.expect("the others have defaults");
    let application = check(&answers()).expect("keeps every rule");
    let mailer = Mailer::new(settings.sender(), settings.transport.clone());
    let written = write(&settings, &application);
    let (answers, site) = (answers(), Arc::new(InProcess::new(&settings)));
    let (form, checked) = (Arc::clone(&site), Arc::clone(&site));
    vec![
        ("a_form_checked", Box::new(move || drop(black_box(check(&answers))))),
        (
            "a_prepared_page_answered",
            Box::new(move || site.ask("GET", "/who-we-are", "")),
        ),
        (
            "the_form_rendered",
            Box::new(move || form.ask("GET", "/membership", "")),
        ),
        (
            "a_check_page_rendered",
            Box::new(move || checked.ask("POST", "/membership", FORM)),
        ),
        (
            "two_emails_rendered",
            Box::new(move || drop(black_box(write(&settings, &application)))),
        ),
        ("an_email_composed", Box::new(move || compose(&mailer, &written[0]))),
    ]
}

fn answers() -> Answers {
    Answers::typed(form_urlencoded::parse(FORM.as_bytes()))
}

fn write(settings: &Settings, application: &Application) -> [Email; 2] {
    let occasion = NewApplication {
        reference: "NPOC-3333-4444",
        language: Language::En,
        receipt_url: format!("{}/membership/received/018f0000", settings.public_url),
        desk_url: None,
        received_at: OffsetDateTime::UNIX_EPOCH,
        earlier: &[],
        spam_signs: &SpamSigns::of(application.answers(), None),
        hold: None,
    };
    emails(&settings.mail_identity(), application, &occasion).expect("templates render")
}

fn compose(mailer: &Mailer, email: &Email) {
    let message = mailer.message(email, &MessageSeed::now());
    drop(black_box(message.expect("a message").formatted()));
}

/// A site without a listener, which never uses its database.
struct InProcess {
    runtime: Runtime,
    service: Service,
}

impl InProcess {
    fn new(settings: &Settings) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _within = runtime.enter();
        let pool = Pool::new(
            PgPoolOptions::new().connect_lazy_with(PgConnectOptions::new_without_pgpass()),
            false,
        );
        let mailer = Mailer::new(settings.sender(), settings.transport.clone());
        let outbox = Arc::new(Outbox::new(pool.clone(), mailer, Arc::new(settings.mail_identity())));
        let site = Site::new(settings, pool, &outbox, None, Limits::default()).expect("templates render");
        let service = site.service();
        Self { runtime, service }
    }

    fn ask(&self, method: &str, path: &str, body: &'static str) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.header(header::HOST, "npoc.test");
        let request = request.body(Body::from(body)).expect("a request");
        self.runtime.block_on(async {
            let Ok(response) = self.service.answer(request, None).await;
            assert_eq!(response.status(), StatusCode::OK);
            drop(black_box(response.into_body().collect().await));
        });
    }
}
