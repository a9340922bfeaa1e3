//! Corrections: the applicant changes answers by a link that comes by email.

use axum::http::StatusCode;
use npoc::staff::Role;

use super::sign_in::number;
use crate::support::desk::{Browser, act, done, state};
use crate::support::{Reply, TestSite, encode, good_with};

/// Asks for a link.
pub async fn ask(site: &TestSite, reference: &str) -> Reply {
    let status = site.status_path(reference).await;
    site.post_raw(&format!("{status}/change"), "").await
}

/// Posts the form of a link with these answers instead of the first ones. A new address of the representative is checked.
pub async fn correct(site: &TestSite, link: &str, changes: &[(&str, &str)]) -> Reply {
    let form = site.get(link).await;
    let version = form
        .attributes("input[name=version]", "value")
        .pop()
        .unwrap_or_default();
    let address = changes.iter().find(|(name, _)| *name == "representative_email");
    let address = address.map_or("", |(_, address)| address);
    let hidden = [
        ("version", version.as_str()),
        ("language", "en"),
        ("checked_address", address),
    ];
    site.post_raw(link, encode(&[&good_with(changes)[..], &hidden].concat()))
        .await
}

pub async fn column(site: &TestSite, column: &str, reference: &str) -> String {
    let question = format!("SELECT {column}::text FROM applications WHERE reference = $1");
    sqlx::query_scalar(sqlx::AssertSqlSafe(question))
        .bind(reference)
        .fetch_one(&site.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn applicant_corrects_answers_by_a_mailed_link() {
    let site = TestSite::new().await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let reference = site.apply(&[]).await;
    done(&rita, &reference, "opinion", &[("verdict", "approve")]).await;
    let link = site.link_to_correct(&reference).await;
    let form = site.get(&link).await;
    assert_eq!(form.text_of("h1"), "Correct your answers");
    form.assert_keeps(&good_with(&[]));
    assert!(
        form.all(".languages").is_empty(),
        "another language would lose what was typed"
    );
    assert_eq!(form.headers["cache-control"], "private, no-store");
    assert_eq!(form.headers["referrer-policy"], "no-referrer");
    let changed = [
        ("organization_name", "Kilimo Mpya Trust"),
        ("domain_name", "kilimomitaani.org"),
    ];
    let stored = correct(&site, &link, &changed).await;
    assert_eq!(stored.location(), link);
    let after = site.get(&link).await;
    assert_eq!(after.text_of("h1"), "Your corrections have arrived");
    assert_eq!(after.attributes("main a", "href").len(), 1);
    assert_eq!(
        column(&site, "domain_name_ascii", &reference).await,
        "kilimomitaani.org"
    );
    assert_eq!(state(&site, &reference).await, ("in-review".to_owned(), 3));
    site.deliver_all().await;
    let told = site.update(&reference, 3, "applicant").unwrap();
    assert!(told.subject.starts_with("Your application to NPOC is corrected"));
    assert!(
        told.text.contains("Name of your organization") && !told.text.contains("Kilimo Mpya Trust"),
        "{}",
        told.text
    );
    let thread = site.update(&reference, 3, "staff").unwrap();
    assert!(
        thread.text.contains("now: Kilimo Mpya Trust") && thread.text.contains("before: "),
        "{}",
        thread.text
    );
    let (first, _) = site.emails(&reference);
    assert_eq!(thread.header("In-Reply-To"), first.header("Message-ID"));
    shows_both(&site, &rita, &reference).await;
}

/// The desk shows the old and the new answers, and marks what was said before.
async fn shows_both(site: &TestSite, rita: &Browser<'_>, reference: &str) {
    let page = rita.get(&format!("/desk/applications/{reference}")).await;
    assert!(page.body.contains("before the answers were corrected"));
    assert!(page.all(".entries blockquote")[0].contains("now: Kilimo Mpya Trust"));
    // The search finds the new name.
    let found = rita.get("/desk/applications?q=mpya").await;
    assert_eq!(found.all("tbody tr").len(), 1);
    let events = site.get(&site.status_path(reference).await).await.all("dl.events dd");
    assert!(events.contains(&"You corrected your answers".to_owned()));
}

#[tokio::test]
async fn correction_of_an_old_page_is_given_back() {
    let site = TestSite::new().await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let reference = site.apply(&[]).await;
    let link = site.link_to_correct(&reference).await;
    done(&rita, &reference, "ask", &[("question", "What is your purpose?")]).await;
    let typed = good_with(&[("organization_name", "Kilimo Mpya Trust")]);
    let body = |version: &str| encode(&[&typed[..], &[("version", version)]].concat());
    let refused = site.post_raw(&link, body("1")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    refused.assert_keeps(&typed);
    assert!(
        refused
            .text_of(".notice")
            .starts_with("Your application has changed in the meantime")
    );
    let version = refused.attributes("input[name=version]", "value").pop().unwrap();
    assert_eq!(site.post_raw(&link, body(&version)).await.status, StatusCode::SEE_OTHER);
    // The question still waits for its answer.
    assert_eq!(state(&site, &reference).await, ("asked".to_owned(), 3));
}

#[tokio::test]
async fn wrong_corrections_get_a_sentence_and_keep_everything() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let link = site.link_to_correct(&reference).await;
    let wrong = [("domain_name", "kilimo"), ("representative_email", "x")];
    let refused = correct(&site, &link, &wrong).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.all(".summary li").len(), 2);
    refused.assert_keeps(&good_with(&wrong));
    assert!(refused.attributes("form.application", "action").contains(&link));
    // Without a difference nothing is stored.
    let same = correct(&site, &link, &[]).await;
    assert_eq!(same.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(same.text_of(".notice").starts_with("No answer is different"));
    assert_eq!(state(&site, &reference).await.1, 1);
    // Nor from another site.
    let foreign = axum::http::Request::post(&link)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site")
        .body(encode(&good_with(&[("organization_name", "Evil")])).into())
        .unwrap();
    assert_eq!(site.ask(foreign).await.location(), link);
    assert_eq!(state(&site, &reference).await.1, 1);
}

#[tokio::test]
async fn closed_application_cannot_be_corrected() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let reference = site.apply(&[]).await;
    let link = site.link_to_correct(&reference).await;
    done(&dora, &reference, "review", &[]).await;
    let yes = [("decision", "accept"), ("reason", "We know them well.")];
    done(&dora, &reference, "decide", &yes).await;
    assert_eq!(site.get(&link).await.status, StatusCode::NOT_FOUND);
    let late = good_with(&[("organization_name", "Kilimo Mpya Trust")]);
    site.post_raw(&link, encode(&late)).await.assert_keeps(&late);
    let status = site.status_path(&reference).await;
    assert!(!site.get(&status).await.body.contains("/change\""));
    assert_eq!(ask(&site, &reference).await.location(), status);
}

#[tokio::test]
async fn conflict_shows_in_a_corrected_application() {
    let site = TestSite::new().await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let reference = site.apply(&[]).await;
    let link = site.link_to_correct(&reference).await;
    let page = format!("/desk/applications/{reference}");
    assert!(rita.get(&page).await.body.contains("Afya Bora"));
    let alternate = [("alternate_name", "Rita"), ("alternate_email", "rita@npoc.test")];
    correct(&site, &link, &alternate).await;
    assert!(!rita.get(&page).await.body.contains("Afya Bora"));
    assert!(Browser::new(&site).get(&page).await.status.is_redirection());
}

#[tokio::test]
async fn second_membership_of_a_domain_needs_a_reason() {
    let site = TestSite::new().await;
    let dora = site.member("Dora", Role::Decider).await;
    let first = site.apply(&[("ncsg_status", "member")]).await;
    let second = site.apply(&[("ncsg_status", "member")]).await;
    for reference in [&first, &second] {
        done(&dora, reference, "opinion", &[("verdict", "approve")]).await;
    }
    done(&dora, &first, "decide", &[("decision", "accept")]).await;
    let refused = act(&dora, &second, "decide", &[("decision", "accept")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused
            .text_of("#decide-problem")
            .contains("one organization is one member"),
        "{}",
        refused.text_of("#decide-problem")
    );
    done(
        &dora,
        &second,
        "decide",
        &[("decision", "accept"), ("reason", "They merged.")],
    )
    .await;
}

#[tokio::test]
async fn two_links_do_not_overwrite_each_other_unseen() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let (first, second) = (
        site.link_to_correct(&reference).await,
        site.link_to_correct(&reference).await,
    );
    correct(&site, &first, &[("organization_name", "Kilimo Mpya Trust")]).await;
    // The other form was opened before. A mistake in it does not hide that.
    let post = async |changes: &[(&str, &str)], version: &str| {
        site.post_raw(
            &second,
            encode(&[&good_with(changes)[..], &[("version", version)]].concat()),
        )
        .await
    };
    let wrong = post(&[("representative_role", "Chair"), ("domain_name", "x")], "1").await;
    let version = wrong.attributes("input[name=version]", "value").pop().unwrap();
    assert_eq!(version, "1");
    let refused = post(&[("representative_role", "Chair")], &version).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(
        column(&site, "organization_name", &reference).await,
        "Kilimo Mpya Trust"
    );
}

#[tokio::test]
async fn button_pressed_twice_at_once_stores_once_and_says_so() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    let link = site.link_to_correct(&reference).await;
    let changed = [("organization_name", "Kilimo Mpya Trust")];
    let posts = (0..8).map(|_| correct(&site, &link, &changed));
    for reply in futures_util::future::join_all(posts).await {
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.text_of("main"));
    }
    assert_eq!(state(&site, &reference).await.1, 2);
}

#[tokio::test]
async fn correction_repeats_no_reminder_and_keeps_the_question() {
    let site = TestSite::new().await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let reference = site.apply(&[]).await;
    done(&rita, &reference, "ask", &[("question", "What is your purpose?")]).await;
    site.deliver_all().await;
    site.sql(
        "UPDATE applications SET state_since = state_since - interval '20 days', answer_until = answer_until - 20
        WHERE state = 'asked'",
    )
    .await;
    let link = site.link_to_correct(&reference).await;
    let reminders = "SELECT count(*) FROM outbox WHERE message_id LIKE '%.reminder-1.%'";
    for (name, reminded) in [("Kilimo Mpya Trust", 1), ("", 1)] {
        site.run_housekeeping(None).await;
        site.deliver_all().await;
        assert_eq!(number(&site, reminders).await, reminded);
        if !name.is_empty() {
            correct(&site, &link, &[("organization_name", name)]).await;
        }
    }
    let told = site.update(&reference, 3, "applicant").unwrap();
    assert!(told.text.contains("Please answer by"), "{}", told.text);
}

#[tokio::test]
async fn correction_neither_ends_nor_raises_a_suspicion() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.sql("UPDATE applications SET is_suspected = true, suspicions = '{sent in no time,markup}'")
        .await;
    let link = site.link_to_correct(&reference).await;
    correct(&site, &link, &[("organization_name", "Kilimo Mpya Trust")]).await;
    assert_eq!(column(&site, "suspicions", &reference).await, "{\"sent in no time\"}");
    assert_eq!(column(&site, "is_suspected", &reference).await, "true");
}

#[tokio::test]
async fn opinion_on_the_old_answers_is_given_back() {
    let site = TestSite::new().await;
    let rita = site.member("Rita", Role::Reviewer).await;
    let reference = site.apply(&[]).await;
    let link = site.link_to_correct(&reference).await;
    correct(&site, &link, &[("organization_name", "Kilimo Mpya Trust")]).await;
    let path = crate::support::desk::path(&reference, "opinion");
    let objection = [("verdict", "object"), ("reason", "The name is that of a company.")];
    let old = rita.post(&path, &[&objection[..], &[("version", "1")]].concat()).await;
    assert_eq!(old.status, StatusCode::CONFLICT);
    assert_eq!(old.kept("reason"), [objection[1].1]);
    done(&rita, &reference, "opinion", &objection).await;
    // Other changes give nothing back.
    let dora = site.member("Dora", Role::Decider).await;
    done(&rita, &reference, "ask", &[("question", "What is your purpose?")]).await;
    let fields = [("verdict", "approve"), ("version", "3")];
    assert_eq!(dora.post(&path, &fields).await.status, StatusCode::SEE_OTHER);
}
