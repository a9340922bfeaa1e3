//! The journey of an application, and every way in which it can be refused.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use npoc::membership::{Field, QUESTIONS, Rule};
use uuid::Uuid;

use crate::support::{GOOD, Reply, TestSite, encode, good_with};

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
    let targets = site
        .check(&[])
        .await
        .attributes("button[name=step][value=edit]", "formaction");
    assert_eq!(targets.len(), QUESTIONS.len());
    for question in &QUESTIONS {
        let target = format!("/membership?change={0}#{0}", question.name);
        assert!(targets.contains(&target));
        let path = target.split('#').next().unwrap();
        let form = site.post_raw(path, encode(&good_with(&[("step", "edit")]))).await;
        assert_eq!(form.status, StatusCode::OK);
        assert_eq!(form.attributes("[autofocus]", "id"), [question.name]);
        assert_all_kept(&form, &good_with(&[]));
        assert!(form.all(".problem").is_empty(), "going back is no mistake");
    }
}

fn assert_all_kept(reply: &Reply, typed: &[(&str, &str)]) {
    for (name, value) in typed
        .iter()
        .filter(|(name, value)| Field::named(name).is_some() && !value.is_empty())
    {
        assert_eq!(reply.kept(name), [*value], "{name}");
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

/// A refused form: 422, one sentence in the summary and at the field, everything kept.
async fn assert_refused(site: &TestSite, changes: &[(&str, &str)], field: &str, sentence: &str) {
    let reply = site.check(changes).await;
    let what = format!("{field}: {changes:.80?}");
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
    assert!(reply.text_of("title").starts_with("Error: "), "{what}");
    let told = reply.all(".summary li");
    assert!(told.iter().any(|told| told.contains(sentence)), "{what}: {told:?}");
    assert_eq!(
        reply.attributes(".summary li a", "href"),
        vec![format!("#{field}"); told.len()],
        "{what}"
    );
    let at_field = reply.text_of(&format!("#{field}-problem"));
    assert_eq!(at_field, format!("Error: {}", told[0]), "{what}");
    let described = reply.attributes(&format!("[aria-describedby~='{field}-problem']"), "aria-describedby");
    assert_eq!(described.len(), 1, "{what}");
    assert!(
        !reply
            .attributes(&format!("[name={field}][aria-invalid=true]"), "name")
            .is_empty(),
        "{what}"
    );
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one row for each bad answer")]
async fn bad_answers_get_a_clear_sentence_each_and_no_500() {
    let site = TestSite::new().await;
    let long = "ä".repeat(2_001);
    let (over_200, over_500, over_50) = (&long[..402], &long[..1002], &long[..102]);
    let megabyte = "a".repeat(1024 * 1024);
    let marks = format!("ab{}", "\u{301}".repeat(100_000));
    let rows: &[(&str, &str, &str)] = &[
        ("organization_name", "", "Enter the name of your organization"),
        (
            "organization_name",
            " \u{200b}\u{202e} ",
            "Enter the name of your organization",
        ),
        ("organization_name", "A", "must be at least 2 characters long; it has 1"),
        (
            "organization_name",
            over_200,
            "must be 200 characters or fewer; it has 201",
        ),
        ("organization_name", &marks, "must be 200 characters or fewer"),
        (
            "organization_name_latin",
            over_200,
            "must be 200 characters or fewer; it has 201",
        ),
        ("domain_name", "", "Enter the domain name of your organization"),
        ("domain_name", "example", "Enter the whole domain name with its ending"),
        ("domain_name", "192.0.2.1", "this is the number of a machine"),
        ("domain_name", "a..org", "one dot at a time"),
        ("domain_name", "my org.org", "without spaces"),
        ("domain_name", "my_org.org", "without underscores"),
        ("domain_name", "co.uk", "under this one the public registers"),
        ("domain_name", "info@example.org", "this is an e-mail address"),
        (
            "domain_name",
            "exa<b>mple.org",
            "a character that domain names do not allow",
        ),
        ("domain_name", over_500, "Enter"),
        ("website", "javascript:alert(1)", "begins with https:// or http://"),
        ("website", &megabyte, "must be 500 characters or fewer"),
        ("country", "", "Select the country or territory"),
        ("country", "XX", "from the list"),
        ("registered", "", "Select whether it is a registered organization"),
        ("registered", "perhaps", "from the list"),
        ("registration_note", "", "Enter the authority and the number"),
        (
            "registration_note",
            over_500,
            "must be 500 characters or fewer; it has 501",
        ),
        ("kind_of_work", "", "Select the kind of work"),
        ("kind_of_work", "espionage", "from the list"),
        (
            "statement",
            "Too short",
            "must be at least 20 characters long; it has 9",
        ),
        ("statement", &long, "must be 2000 characters or fewer; it has 2001"),
        (
            "statement",
            &megabyte,
            "must be 2000 characters or fewer; it has 1048576",
        ),
        ("representative_name", "", "Enter the full name of the representative"),
        ("representative_name", over_200, "must be 200 characters or fewer"),
        ("representative_role", "", "Enter the representative’s role"),
        (
            "representative_email",
            "",
            "Enter the e-mail address of the representative",
        ),
        ("representative_email", "nobody", "with an @ sign"),
        ("representative_email", "a@b@c.org", "one @ sign"),
        ("representative_email", "a..b@example.org", "two dots in a row"),
        (
            "representative_email",
            "a b@example.org",
            "without spaces, line breaks or invisible characters",
        ),
        (
            "representative_email",
            "a@example.org\r\nBcc: b@example.org",
            "line breaks",
        ),
        ("representative_email", "a\0@example.org", "invisible characters"),
        ("representative_email", "a@localhost", "the whole Internet knows"),
        ("representative_email", "<script>@example.org", "before the @ sign"),
        (
            "representative_phone",
            over_50,
            "must be 50 characters or fewer; it has 51",
        ),
        (
            "ncsg_status",
            "",
            "Select whether your organization is a member of the NCSG",
        ),
        ("ncsg_status", "often", "from the list"),
        ("icann_groups", over_500, "must be 500 characters or fewer"),
        ("not_eligible", "anything", "from the list"),
        ("authorised", "", "without that NPOC cannot accept the application"),
        ("authorised", "on", "from the list"),
        ("authoriser", over_200, "must be 200 characters or fewer"),
        ("publish", "maybe", "from the list"),
        ("mailing_list", "maybe", "from the list"),
    ];
    for (field, value, sentence) in rows {
        assert_refused(&site, &[(field, value)], field, sentence).await;
        let kept = site.check(&[(field, value)]).await;
        let is_text = !matches!(
            Field::named(field).unwrap().question().rule,
            Rule::OneOf(_) | Rule::AnyOf(_) | Rule::Yes | Rule::Country
        );
        if is_text && !value.contains(['\0', '\r']) {
            assert_eq!(kept.kept(field).concat(), *value, "{field} is kept as typed");
        }
    }
    assert_eq!(site.count("applications").await, 0);
}

#[tokio::test]
async fn hostile_text_in_free_fields_is_cleaned_and_kept_harmless() {
    let site = TestSite::new().await;
    let page = site
        .check(&[
            ("organization_name", "<script>alert(1)</script>\r\nBcc: x@example.org\0"),
            ("representative_name", "Ann\u{202e}\u{2066}\r\n<b>Lee</b>"),
            (
                "statement",
                "'; DROP TABLE applications; -- {{7*7}} %00 \u{7}\r\n.\r\nFrom me",
            ),
        ])
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.all("script").is_empty());
    assert_eq!(
        page.kept("organization_name"),
        ["<script>alert(1)</script> Bcc: x@example.org"]
    );
    assert_eq!(page.kept("representative_name"), ["Ann <b>Lee</b>"]);
    assert_eq!(
        page.kept("statement"),
        ["'; DROP TABLE applications; -- {{7*7}} %00\n.\nFrom me"]
    );
}

#[tokio::test]
async fn all_problems_are_told_at_once_in_form_order_with_the_focus_on_their_summary() {
    let site = TestSite::new().await;
    let reply = site.post(&[]).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    let required: Vec<String> = QUESTIONS
        .iter()
        .filter(|q| q.required)
        .map(|q| format!("#{}", q.name))
        .collect();
    assert_eq!(reply.attributes(".summary li a", "href"), required);
    assert_eq!(reply.attributes("[autofocus]", "role"), ["alert"]);
    assert_eq!(reply.attributes(".summary", "tabindex"), ["-1"]);
    for target in required {
        assert_eq!(
            reply.attributes(&target, "id"),
            [&target[1..]],
            "each link leads to a field"
        );
    }
}

#[tokio::test]
async fn half_an_alternate_is_asked_about_and_a_whole_one_is_taken() {
    let site = TestSite::new().await;
    let name = ("alternate_name", "Otieno Ouma");
    let email = ("alternate_email", "otieno@afyabora.or.ke");
    assert_refused(
        &site,
        &[name],
        "alternate_email",
        "or leave both fields about the alternate empty",
    )
    .await;
    assert_refused(
        &site,
        &[email],
        "alternate_name",
        "or leave both fields about the alternate empty",
    )
    .await;
    assert_eq!(site.check(&[name, email]).await.status, StatusCode::OK);
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
async fn repeated_missing_and_unknown_fields_lose_nothing() {
    let site = TestSite::new().await;
    let twice = [
        ("representative_role", "Director"),
        ("representative_role", "Treasurer"),
    ];
    assert_refused(&site, &twice, "representative_role", "it arrived more than once").await;
    assert_eq!(
        site.check(&twice).await.kept("representative_role"),
        ["Director / Treasurer"]
    );
    let same_twice = [("representative_role", "Director"), ("representative_role", "Director")];
    assert_eq!(site.check(&same_twice).await.status, StatusCode::OK);
    assert_eq!(site.check(&[("nobody_asked", "x")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn octets_that_are_no_utf_8_are_refused_with_a_sentence_and_the_rest_is_kept() {
    let site = TestSite::new().await;
    let good = encode(&good_with(&[("organization_name", "")]));
    let body = [good.as_bytes(), b"&organization_name=Caf%E9+Associa\xe7\xe3o"].concat();
    let reply = site.post_raw("/membership", body).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    // The empty one and the damaged one are two answers to one question.
    assert!(reply.text_of(".summary li").contains("the name of your organization"));
    let alone =
        encode(&good_with(&[])).replace("organization_name=Afya+Bora+Health+Network", "organization_name=Caf%E9");
    let reply = site.post_raw("/membership", alone).await;
    assert_eq!(
        reply.all(".summary li"),
        ["Enter the name of your organization again: part of it was damaged on the way"]
    );
    assert_all_kept(&reply, &good_with(&[("organization_name", "Caf\u{fffd}")]));
}

#[tokio::test]
async fn what_breaks_the_form_encoding_is_an_empty_form_and_no_500() {
    let site = TestSite::new().await;
    for body in [
        "%",
        "%zz=%",
        "&&&===",
        "\u{0}",
        "step=send&submission_key=%00",
        "organization_name",
    ] {
        let reply = site.post_raw("/membership", body).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{body:?}");
    }
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
            assert_all_kept(&reply, &good_with(&[]));
        }
        statuses.push(reply.status.as_u16());
    }
    assert_eq!(statuses, [303, 303, 429, 303]);
}
