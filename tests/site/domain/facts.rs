//! Facts about the domain beside the answers.

use hickory_resolver::proto::rr::rdata::MX;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use npoc::staff::Role;

use super::{DOMAIN, World};
use crate::desk::corrections::correct;
use crate::support::name_server::Answer;
use crate::support::web_server::{Answer as Page, CLOSED};

impl World {
    /// Publishes what a usual domain has.
    fn usual_domain(&self, name: &str) {
        self.host(name);
        self.names.has(name, RecordType::MX, &["10 mail.afyabora.or.ke."]);
        self.names.has(name, RecordType::NS, &["ns.afyabora.or.ke."]);
        self.publish(name, &["v=spf1 mx -all"]);
        self.publish(&format!("_dmarc.{name}"), &["v=DMARC1; p=none"]);
        self.web.answer(name, "/", Page::page("<h1>Welcome</h1>"));
    }

    fn visits(&self) -> usize {
        self.web.received().len()
    }

    /// Returns the emails about facts in the thread.
    fn told(&self, reference: &str) -> usize {
        let start = format!("{reference}.facts-");
        let files = std::fs::read_dir(&self.site.folder).unwrap();
        files
            .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with(&start))
            .count()
    }
}

#[tokio::test]
async fn desk_shows_facts_with_their_time() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    world.usual_domain(DOMAIN);
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let application = world.apply(&[]).await;
    let before = application.at_desk(&rita).await.text_of("main");
    assert!(
        before.contains("What the site looked up") && before.contains("not checked"),
        "{before}"
    );
    world.survey().await;
    let desk = application.at_desk(&rita).await.text_of("main");
    for fact in [
        "The name exists.",
        "Mail servers: mail.afyabora.or.ke",
        "Name servers: ns.afyabora.or.ke",
        "SPF: yes. DMARC: yes",
        "DNSSEC: not checked",
        "https://afyabora.or.ke/ answers (status 200, from afyabora.or.ke).",
    ] {
        assert!(desk.contains(fact), "{fact}: {desk}");
    }
    assert!(!desk.contains("From RDAP"));
    world.site.deliver_all().await;
    assert_eq!(
        world.told(&application.reference),
        0,
        "nothing matters, so nobody is told"
    );
}

#[tokio::test]
async fn facts_of_one_domain_are_asked_once_a_day() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    world.usual_domain(DOMAIN);
    let rita = world.site.member("Rita", Role::Reviewer).await;
    world.apply(&[]).await;
    let second = world.apply(&[]).await;
    world.survey().await;
    let (questions, visits) = (world.names.count(DOMAIN, RecordType::MX), world.visits());
    assert_eq!((questions, visits), (1, 1));
    let third = world.apply(&[]).await;
    world.survey().await;
    assert_eq!((world.names.count(DOMAIN, RecordType::MX), world.visits()), (1, 1));
    for application in [second, third] {
        assert!(
            application
                .at_desk(&rita)
                .await
                .text_of("main")
                .contains("The name exists.")
        );
    }
}

#[tokio::test]
async fn suspected_spam_sends_no_request_before_its_release() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    world.usual_domain(DOMAIN);
    let application = world.apply(&[]).await;
    sqlx::query("UPDATE applications SET is_suspected = true")
        .execute(&world.site.pool)
        .await
        .unwrap();
    world.survey().await;
    assert!(world.names.questions().is_empty() && world.visits() == 0);
    world.site.command(&["applications", "release", &application.reference]);
    world.survey().await;
    assert_eq!(world.visits(), 1);
}

#[tokio::test]
async fn missing_domain_is_told_once_in_the_thread() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    let application = world.apply(&[]).await;
    for told in [0, 0, 1] {
        world.survey().await;
        world.site.deliver_all().await;
        assert_eq!(
            world.told(&application.reference),
            told,
            "a new name takes hours to be known"
        );
        world.pass_time().await;
    }
    let email = world.site.newest_email(&application.reference, "facts-");
    assert!(
        email.text.contains("The domain name does not exist in DNS."),
        "{}",
        email.text
    );
    let (first, _) = world.site.emails(&application.reference);
    assert_eq!(email.header("In-Reply-To"), first.header("Message-ID"));
    world.pass_time().await;
    world.survey().await;
    world.site.deliver_all().await;
    assert_eq!(world.told(&application.reference), 1, "once");
}

#[tokio::test]
async fn website_is_down_for_a_day_before_staff_are_told() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    world.usual_domain(DOMAIN);
    world.names.has(DOMAIN, RecordType::A, &[&CLOSED.to_string()]);
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let application = world.apply(&[]).await;
    for told in [0, 1] {
        world.survey().await;
        world.site.deliver_all().await;
        assert_eq!(world.told(&application.reference), told);
        let desk = application.at_desk(&rita).await.text_of("main");
        assert!(desk.contains("has not answered yet") || told == 1, "{desk}");
        assert_eq!(desk.contains("The website has not answered since"), told == 1);
        world.pass_a_day().await;
    }
    assert_eq!(
        world
            .count("domain_checks WHERE what = 'website' AND done_at IS NULL")
            .await,
        0
    );
}

#[tokio::test]
async fn stated_website_is_visited_and_never_a_private_one() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    let rita = world.site.member("Rita", Role::Reviewer).await;
    world.usual_domain(DOMAIN);
    world.host("afya.example");
    world
        .web
        .answer("afya.example", "/about", Page::redirect("https://www.afya.example/"));
    world.web.answer("www.afya.example", "/", Page::page("hello"));
    world.names.has("inside.example", RecordType::A, &["127.0.0.66"]);
    for (website, fact) in [
        (
            "http://afya.example/about",
            "answers (status 200, from www.afya.example)",
        ),
        ("https://inside.example/", "was not visited: its address is not public"),
        (
            "https://127.0.0.66/",
            "was not visited: the site does not visit such an address",
        ),
        ("https://port.example:8443/", "was not visited: its address has a port"),
        (
            "https://nowhere.example/",
            "has not answered yet; the site asks again within a day: no such name",
        ),
    ] {
        let application = world.apply(&[("website", website)]).await;
        world.survey().await;
        let desk = application.at_desk(&rita).await.text_of("main");
        assert!(desk.contains(fact), "{website}: {desk}");
    }
    assert_eq!(world.web.trapped(), 0);
}

#[tokio::test]
async fn hostile_facts_are_shown_as_text() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    let rita = world.site.member("Rita", Role::Reviewer).await;
    world.usual_domain(DOMAIN);
    let name = Name::from_labels([&b"<script>alert(1)</script>"[..], b"example"]).unwrap();
    let records = vec![RData::MX(MX::new(10, name))];
    world.names.answer(DOMAIN, RecordType::MX, Answer::Records(records));
    let application = world.apply(&[]).await;
    world.survey().await;
    let desk = application.at_desk(&rita).await;
    assert!(
        desk.body.contains("alert") && !desk.body.contains("<script>alert"),
        "markup from DNS"
    );
}

#[tokio::test]
async fn correction_of_the_domain_takes_the_facts_again() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    world.usual_domain(DOMAIN);
    world.usual_domain("kilimomitaani.org");
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let application = world.apply(&[]).await;
    world.survey().await;
    let link = world.site.link_to_correct(&application.reference).await;
    correct(&world.site, &link, &[("domain_name", "kilimomitaani.org")]).await;
    let desk = application.at_desk(&rita).await.text_of("main");
    assert!(!desk.contains("https://afyabora.or.ke/ answers"), "{desk}");
    world.check().await;
    let desk = application.at_desk(&rita).await.text_of("main");
    assert!(desk.contains("https://kilimomitaani.org/ answers"), "{desk}");
}

#[tokio::test]
async fn silent_resolver_is_no_caution() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    world.names.answer_others(Answer::Silent);
    let rita = world.site.member("Rita", Role::Reviewer).await;
    let application = world.apply(&[]).await;
    world.survey().await;
    sqlx::query("UPDATE domain_facts SET taken_at = now() - interval '11 minutes'")
        .execute(&world.site.pool)
        .await
        .unwrap();
    world.survey().await;
    world.site.deliver_all().await;
    assert_eq!(world.told(&application.reference), 0);
    assert!(
        application
            .at_desk(&rita)
            .await
            .text_of("main")
            .contains("DNS gave no answer.")
    );
}

#[tokio::test]
async fn command_checks_now_and_prints_the_facts() {
    let world = World::with(&[("NPOC_RDAP", "off")]).await;
    world.usual_domain(DOMAIN);
    let application = world.apply(&[]).await;
    let [name, text, _] = application.tokens().await;
    world.publish(&name, &[&text]);
    let resolver = world.names.address.to_string();
    let settings = [("NPOC_DNS", resolver.as_str()), ("NPOC_RDAP", "off")];
    let command = async |reference: &str| {
        world
            .site
            .command_with(&["domain", "check", reference], &settings)
            .await
    };
    let output = command(&application.reference.to_lowercase()).await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("Proved on") && said.contains("by DNS"), "{said}");
    assert!(said.contains("Mail servers: mail.afyabora.or.ke"), "{said}");
    assert!(
        said.contains("its address is not public"),
        "the real program does not visit loopback: {said}"
    );
    assert!(!command("NPOC-AAAA-AAAA").await.status.success());
}
