//! The journey of an application, from the form to the receipt.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use npoc::membership::QUESTIONS;
use uuid::Uuid;

use crate::support::{GOOD, TestSite, encode, good_with};

#[tokio::test]
async fn an_organization_applies_and_gets_a_receipt() {
    let site = TestSite::new().await;
    let form = site.get("/membership").await;
    for question in &QUESTIONS {
        assert!(
            !form.attributes(&format!("[name={}]", question.name), "id").is_empty(),
            "{} is asked",
            question.name
        );
    }

    let checked = site.check(&[]).await;
    assert_eq!(checked.status, StatusCode::OK);
    assert!(checked.text_of("main").contains("Nothing has been sent yet"));
    assert_eq!(site.count("applications").await, 0);

    let sent = site.send(&[], checked.submission_key()).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    let receipt = site.get(sent.location()).await;
    assert_eq!(receipt.status, StatusCode::OK);
    let reference = receipt.text_of(".reference");
    assert!(receipt.text_of("title").contains(&reference));
    let stored: String = sqlx::query_scalar("SELECT reference FROM applications")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(stored, reference);
    let counts = (
        site.count("applications").await,
        site.count("outbox").await,
        site.count("application_history").await,
    );
    assert_eq!(
        counts,
        (1, 2, 1),
        "the application, both mails, the first line of its history"
    );
}

#[tokio::test]
async fn the_receipt_shows_nothing_personal_and_is_for_nobody_else() {
    let site = TestSite::new().await;
    let sent = site.send(&[], Uuid::now_v7()).await;
    let receipt = site.get(sent.location()).await;
    for (name, value) in GOOD.iter().filter(|(_, value)| value.len() > 3) {
        assert!(!receipt.body.contains(value), "{name}");
    }
    assert_eq!(receipt.headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(receipt.headers["x-robots-tag"], "noindex");
    assert_eq!(receipt.attributes("meta[name=robots]", "content"), ["noindex"]);
    assert!(
        receipt.headers[header::CACHE_CONTROL]
            .to_str()
            .unwrap()
            .contains("private")
    );
}

#[tokio::test]
async fn an_application_sent_twice_is_stored_once() {
    let site = TestSite::new().await;
    let key = Uuid::now_v7();
    let first = site.send(&[], key).await;
    let again = site.send(&[], key).await;
    assert_eq!(
        (again.status, again.location()),
        (StatusCode::SEE_OTHER, first.location())
    );
    let other_answers = site.send(&[("organization_name", "Another name")], key).await;
    assert_eq!(other_answers.location(), first.location());
    assert_eq!((site.count("applications").await, site.count("outbox").await), (1, 2));
}

#[tokio::test]
async fn twenty_at_once_with_one_key_are_one_application_with_one_receipt() {
    let site = TestSite::new().await;
    let key = Uuid::now_v7();
    let sent = futures_util::future::join_all((0..20).map(|_| site.send(&[], key))).await;
    for reply in &sent {
        assert_eq!(
            (reply.status, reply.location()),
            (StatusCode::SEE_OTHER, sent[0].location())
        );
    }
    let counts = (
        site.count("applications").await,
        site.count("outbox").await,
        site.count("application_history").await,
    );
    assert_eq!(counts, (1, 2, 1));
}

#[tokio::test]
async fn without_a_key_or_with_a_malformed_one_the_check_page_comes_back() {
    let site = TestSite::new().await;
    for key in [
        &[][..],
        &[("submission_key", "")],
        &[("submission_key", "not-a-key")],
        &[("submission_key", "1' OR 1=1")],
    ] {
        let reply = site.post(&[&good_with(&[("step", "send")])[..], key].concat()).await;
        assert_eq!(reply.status, StatusCode::OK);
        reply.submission_key();
    }
    assert_eq!(site.count("applications").await, 0);
}

#[tokio::test]
async fn a_check_page_asked_for_again_has_the_same_key_and_changed_answers_have_another() {
    let site = TestSite::new().await;
    let form_key = site.get("/membership").await.kept("form_key").remove(0);
    let form = ("form_key", form_key.as_str());
    let first = site.check(&[form]).await;
    assert_eq!(first.kept("form_key"), [form_key.as_str()]);
    assert_eq!(
        site.check(&[form]).await.submission_key(),
        first.submission_key(),
        "reload"
    );
    let refused = site.check(&[form, ("country", "")]).await;
    assert_eq!(
        refused.kept("form_key"),
        [form_key.as_str()],
        "a refusal is the same form"
    );
    let changed = site.check(&[form, ("representative_role", "Treasurer")]).await;
    assert_ne!(changed.submission_key(), first.submission_key());
    let another = site.get("/membership").await.kept("form_key").remove(0);
    assert_ne!(
        site.check(&[("form_key", &another)]).await.submission_key(),
        first.submission_key()
    );
    assert_ne!(
        site.check(&[]).await.submission_key(),
        site.check(&[]).await.submission_key(),
        "no form, no promise"
    );
}

#[tokio::test]
async fn change_goes_back_to_the_form_with_everything_kept_at_that_very_field() {
    let site = TestSite::new().await;
    let names = site.check(&[]).await.attributes("dd button[name=change]", "value");
    assert_eq!(names, QUESTIONS.map(|question| question.name));
    for question in &QUESTIONS {
        let form = site.post(&good_with(&[("change", question.name)])).await;
        assert_eq!(form.status, StatusCode::OK);
        assert_eq!(form.attributes("[autofocus]", "name"), [question.name]);
        form.assert_keeps(&good_with(&[]));
        assert!(form.all(".problem").is_empty(), "going back is no mistake");
    }
}

#[tokio::test]
async fn what_is_checked_comes_to_the_check_page_cleaned() {
    let site = TestSite::new().await;
    let page = site
        .check(&[
            ("organization_name", "  Fundacio\u{301}n \u{202e}Uno\0 "),
            ("domain_name", "HTTPS://www.XN--R8JZ45G.xn--zckzah/about"),
            ("representative_email", " hanako@例え。テスト "),
            ("country", "jp"),
        ])
        .await;
    assert_eq!(page.kept("organization_name"), ["Fundación Uno"]);
    assert_eq!(page.kept("domain_name"), ["例え.テスト"]);
    assert_eq!(page.kept("representative_email"), ["hanako@例え.テスト"]);
    assert_eq!(page.kept("country"), ["JP"]);
    assert!(page.all("dl.answers dd").contains(&"Japan".to_owned()));
    assert_eq!(page.all("dl.answers dt").len(), QUESTIONS.len());
}

#[tokio::test]
async fn an_unregistered_or_doubtful_organization_is_not_refused_on_the_spot() {
    let site = TestSite::new().await;
    site.apply(&[
        ("registered", "no"),
        ("not_eligible", "government"),
        ("not_eligible", "commercial"),
    ])
    .await;
    let row: (bool, Vec<String>) = sqlx::query_as("SELECT registered, not_eligible FROM applications")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(row, (false, vec!["commercial".into(), "government".into()]));
}

#[tokio::test]
async fn a_network_that_sends_too_many_gets_its_answers_back() {
    let site = TestSite::with(&[("NPOC_RATE_LIMIT", "2")]).await;
    let mut statuses = Vec::new();
    for from in ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        let key = Uuid::now_v7().to_string();
        let body = encode(&good_with(&[("step", "send"), ("submission_key", &key)]));
        let mut request = Request::post("/membership")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        request
            .extensions_mut()
            .insert(ConnectInfo(SocketAddr::new(from.parse().unwrap(), 1)));
        let reply = site.ask(request).await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(reply.submission_key().to_string(), key);
            reply.assert_keeps(&good_with(&[]));
        }
        statuses.push(reply.status.as_u16());
    }
    assert_eq!(statuses, [303, 303, 429, 303]);
}

#[tokio::test]
async fn a_likely_slip_in_a_mail_address_is_asked_about_and_never_refused() {
    let site = TestSite::new().await;
    let slips = [
        ("representative_email", "ann@gmial.com"),
        ("alternate_name", "Bob"),
        ("alternate_email", "Bob@afyabroa.or.ke"),
    ];
    let asked = site.check(&slips).await;
    assert_eq!(asked.status, StatusCode::OK);
    let questions = asked.all(".notice--warning").join(" ");
    assert!(
        questions.contains("ann@gmial.com looks like ann@gmail.com"),
        "{questions}"
    );
    assert!(
        questions.contains("Bob@afyabroa.or.ke looks like Bob@afyabora.or.ke"),
        "{questions}"
    );
    assert!(
        site.check(&[]).await.all(".notice--warning").is_empty(),
        "no slip, no question"
    );

    let reference = site.apply(&slips).await;
    site.deliver_all().await;
    let (staff, _) = site.mails(&reference);
    assert!(
        staff
            .text
            .contains("look like a slip\n    YES: ann@gmial.com (is it ann@gmail.com?); Bob@afyabroa.or.ke (is"),
        "as it is, and staff are told: {}",
        staff.text
    );
}

#[tokio::test]
async fn near_its_own_domain_name_either_of_the_two_may_be_the_slip() {
    let site = TestSite::new().await;
    let asked = site.check(&[("representative_email", "wanjiku@afyabora.co.ke")]).await;
    let question = asked.text_of(".notice--warning");
    assert!(
        question.contains("looks like wanjiku@afyabora.or.ke. One of the two may be mistyped"),
        "{question}"
    );
    assert_eq!(
        asked.attributes(".notice--warning button[name=change]", "value"),
        ["representative_email", "domain_name"]
    );
}

#[tokio::test]
async fn an_ending_that_nobody_knows_is_asked_about_and_never_refused() {
    let site = TestSite::new().await;
    let typed = [("domain_name", "afyabora.or.k"), ("representative_email", "ann@web.dr")];
    let asked = site.check(&typed).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert_eq!(
        asked.all(".notice--warning h2"),
        ["Is afyabora.or.k right?", "Is web.dr right?"]
    );
    let reference = site.apply(&typed).await;
    site.deliver_all().await;
    let (staff, _) = site.mails(&reference);
    assert!(
        staff.text.contains("does not know\n    YES: afyabora.or.k; web.dr\n"),
        "{}",
        staff.text
    );
}

#[tokio::test]
async fn a_page_that_stands_where_a_domain_name_was_asked_for_is_kept() {
    let site = TestSite::new().await;
    let group = "https://www.facebook.com/groups/123456";
    let checked = site.check(&[("domain_name", group)]).await;
    assert_eq!(checked.kept("domain_name"), ["facebook.com"]);
    assert_eq!(checked.kept("website"), [group]);
    assert!(
        checked
            .text_of(".notice--warning")
            .contains("Others use facebook.com too")
    );
    let own = site
        .check(&[("domain_name", group), ("website", "https://afyabora.or.ke")])
        .await;
    assert_eq!(
        own.kept("website"),
        ["https://afyabora.or.ke"],
        "an answer of its own stays"
    );
}

#[tokio::test]
async fn the_likelier_address_is_taken_by_one_press_and_is_another_application() {
    let site = TestSite::new().await;
    let slip = [
        ("representative_email", "ann@gmial.com"),
        ("form_key", "0192f0c1-2345-7abc-8def-0123456789ab"),
    ];
    let asked = site.check(&slip).await;
    assert_eq!(
        asked.attributes("button[name=take_likelier]", "value"),
        ["representative_email"]
    );
    let pressed = [&slip[..], &[("take_likelier", "representative_email")]].concat();
    let taken = site.check(&pressed).await;
    assert_eq!(taken.status, StatusCode::OK);
    assert_eq!(taken.kept("representative_email"), ["ann@gmail.com"]);
    assert!(taken.all(".notice--warning").is_empty(), "settled");
    assert_ne!(taken.submission_key(), asked.submission_key());
    taken.assert_keeps(&good_with(&[("representative_email", "ann@gmail.com")]));

    for (field, kept) in [("alternate_email", "ann@gmial.com"), ("no_such_field", "ann@gmial.com")] {
        let other = site.check(&[&slip[..], &[("take_likelier", field)]].concat()).await;
        assert_eq!(other.kept("representative_email"), [kept], "{field}: nothing to take");
    }
}

#[tokio::test]
async fn an_organization_that_may_not_be_eligible_learns_why_and_whom_to_ask_before_it_sends() {
    let site = TestSite::new().await;
    for (changes, told) in [
        (("registered", "no"), "The executive committee may make an exception"),
        (("not_eligible", "commercial"), "such as a chamber of commerce"),
        (("not_eligible", "icann-contract"), "contract or memorandum with ICANN"),
        (("not_eligible", "seeks-office"), "whose main purpose is to hold office"),
        (("not_eligible", "government"), "represent a government in ICANN"),
        (("domain_name", "grupo.github.io"), "Others use github.io too"),
    ] {
        let page = site.check(&[changes]).await;
        assert_eq!(page.status, StatusCode::OK, "nothing is refused on the spot");
        let notice = page.text_of(".notice--warning");
        assert!(
            notice.starts_with("Before you send") && notice.contains(told),
            "{notice}"
        );
        assert!(notice.contains("You can still send") && notice.contains("info@npoc.org"));
        assert!(
            page.attributes(".notice--warning a", "href")
                .contains(&"/join#eligible".to_owned())
        );
        assert!(
            !page.attributes("[role=alert]", "role").contains(&"alert".to_owned()),
            "it is no error"
        );
        site.apply(&[changes]).await;
    }
    assert_eq!(site.get("/join").await.all("#eligible").len(), 1);
}

#[tokio::test]
async fn a_choice_that_is_not_on_offer_is_told_back() {
    let site = TestSite::new().await;
    for (name, given) in [
        ("kind_of_work", "astrology"),
        ("not_eligible", "<b>else"),
        ("country", "Kenia"),
    ] {
        let refused = site.check(&[(name, given)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let told = refused.text_of(&format!("#{name}-problem"));
        assert!(told.contains(&format!("“{given}” is not on it")), "{told}");
    }
}

#[tokio::test]
async fn a_form_opened_a_month_ago_is_accepted() {
    let site = TestSite::new().await;
    let month_ago = std::time::SystemTime::now() - std::time::Duration::from_hours(24 * 31);
    let since_epoch = month_ago.duration_since(std::time::UNIX_EPOCH).unwrap();
    let opened = uuid::Timestamp::from_unix(uuid::NoContext, since_epoch.as_secs(), 0);
    let form_key = Uuid::new_v7(opened).to_string();
    let checked = site.check(&[("form_key", &form_key)]).await;
    assert_eq!(checked.kept("form_key"), [form_key.as_str()]);
    let sent = site.send(&[("form_key", &form_key)], checked.submission_key()).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_same_organization_is_welcome_again_and_nobody_else_learns_that_it_applied() {
    let site = TestSite::new().await;
    let first = site.apply(&[]).await;
    let checked = site.check(&[]).await;
    assert!(!checked.body.contains(&first) && checked.all(".notice--warning").is_empty());
    let second = site.apply(&[]).await;
    assert_ne!(first, second);
    site.deliver_all().await;
    let (staff, applicant) = site.mails(&second);
    assert!(
        staff
            .text
            .contains(&format!("The same domain applied before\n    YES: {first}"))
    );
    assert!(!applicant.raw.contains(&first));
}
