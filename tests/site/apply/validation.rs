//! Every invalid answer gets a clear sentence, and no other answer is lost.

use axum::http::StatusCode;
use npoc::membership::{Field, QUESTIONS, Rule};

use crate::support::{TestSite, encode, good_with};

/// Checks a rejected form: 422, one sentence in the summary and at the field.
async fn assert_refused(site: &TestSite, changes: &[(&str, &str)], field: &str, sentence: &str) {
    let reply = site.check(changes).await;
    let what = format!("{field}: {changes:.80?}");
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
    assert!(reply.text_of("title").starts_with("Error: "), "{what}");
    let problems = reply.all(".summary li");
    let has_sentence = problems.iter().any(|problem| problem.contains(sentence));
    assert!(has_sentence, "{what}: {problems:?}");
    let links = reply.attributes(".summary li a", "href");
    assert_eq!(links, vec![format!("#{field}"); problems.len()], "{what}");
    let at_field = reply.text_of(&format!("#{field}-problem"));
    assert_eq!(at_field, format!("Error: {}", problems[0]), "{what}");
    let described = reply.attributes(&format!("[aria-describedby~='{field}-problem']"), "aria-describedby");
    assert_eq!(described.len(), 1, "{what}");
    let invalid = format!("[name={field}][aria-invalid=true], [aria-invalid=true] [name={field}]");
    let is_any_of = matches!(Field::named(field).unwrap().question().rule, Rule::AnyOf(_));
    assert!(is_any_of || !reply.attributes(&invalid, "name").is_empty(), "{what}");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one row for each invalid answer")]
async fn every_invalid_answer_gets_its_own_sentence() {
    let site = TestSite::new().await;
    let long = "ä".repeat(2_001);
    let (over_200, over_500, over_50) = (&long[..402], &long[..1002], &long[..102]);
    let megabyte = "a".repeat(1024 * 1024);
    let over_64 = format!("{}@example.org", &long[..130]);
    let marks = format!("ab{}", "\u{301}".repeat(100_000));
    let rows: &[(&str, &str, &str)] = &[
        ("organization_name", "", "Enter the name of your organization"),
        (
            "organization_name",
            " \u{200b}\u{202e} ",
            "Enter the name of your organization",
        ),
        (
            "organization_name",
            "\u{3164}\u{2800}\u{e0041}",
            "Enter the name of your organization",
        ),
        ("organization_name", over_200, "at most 200 characters (now 201)"),
        ("organization_name", &marks, "at most 200 characters"),
        ("organization_name_latin", over_200, "at most 200 characters (now 201)"),
        ("domain_name", "", "Enter the domain name of your organization"),
        ("domain_name", "example", "Enter the full domain name with its ending"),
        ("domain_name", "192.0.2.1", "not an IP address"),
        ("domain_name", "a..org", "one dot between its parts"),
        ("domain_name", "my org.org", "without spaces"),
        ("domain_name", "my_org.org", "without underscores"),
        ("domain_name", "co.uk", "this is only an ending"),
        ("domain_name", "info@example.org", "this is an email address"),
        ("domain_name", "exa<b>mple.org", "without “<”"),
        ("domain_name", "a·l.org", "without “·”"),
        ("domain_name", "i❤.ws", "without “❤”"),
        ("domain_name", "xn--a.org", "a character that domain names do not allow"),
        (
            "domain_name",
            "",
            "If your organization has none, write to info@npoc.org",
        ),
        ("domain_name", over_500, "Enter"),
        ("website", "javascript:alert(1)", "in full and without spaces"),
        ("website", &megabyte, "at most 500 characters"),
        ("country", "", "Select the country or territory"),
        ("country", "XX", "from the list"),
        ("registered", "", "Select whether your organization is registered"),
        ("registered", "perhaps", "from the list"),
        ("registration_note", "", "Enter the registration authority and number"),
        ("registration_note", "A", "at least 2 characters (now 1)"),
        ("registration_note", over_500, "at most 500 characters (now 501)"),
        ("kind_of_work", "", "Select the kind of work"),
        ("kind_of_work", "espionage", "from the list"),
        ("statement", "Too short", "at least 20 characters (now 9)"),
        ("statement", &long, "at most 2000 characters (now 2001)"),
        ("statement", &megabyte, "at most 2000 characters (now 1048576)"),
        ("representative_name", "", "Enter the full name of your representative"),
        ("representative_name", over_200, "at most 200 characters"),
        ("representative_role", "", "Enter the role of your representative"),
        (
            "representative_email",
            "",
            "Enter the email address of your representative",
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
            "only one address",
        ),
        ("representative_email", "a\0@example.org", "invisible characters"),
        (
            "representative_email",
            "o\u{92}brien@example.org",
            "invisible characters",
        ),
        (
            "representative_email",
            &over_64,
            "64 characters before the @ and 254 bytes in all",
        ),
        ("representative_email", "a@localhost", "a public domain name"),
        ("representative_email", "<script>@example.org", "without “<”"),
        ("representative_phone", over_50, "at most 50 characters (now 51)"),
        (
            "ncsg_status",
            "",
            "Select whether your organization is a member of the NCSG",
        ),
        ("ncsg_status", "often", "from the list"),
        ("icann_groups", over_500, "at most 500 characters"),
        ("not_eligible", "anything", "from the list"),
        ("authorised", "", "Without this, NPOC cannot accept the application"),
        ("authorised", "on", "from the list"),
        ("authoriser", over_200, "at most 200 characters"),
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
async fn hostile_text_is_normalized_and_escaped() {
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

/// One example of each kind of invisible character.
const UNSEEN: [&str; 22] = [
    "\u{200b}",
    "\u{200d}",
    "\u{2060}",
    "\u{feff}",
    "\u{ad}",
    "\u{34f}",
    "\u{180e}",
    "\u{115f}\u{1160}",
    "\u{3164}",
    "\u{ffa0}",
    "\u{2800}",
    "\u{fe0f}",
    "\u{e0100}",
    "\u{180b}",
    "\u{e0041}\u{e007f}",
    "\u{1d173}",
    "\u{fff9}",
    "\u{fffc}",
    "\u{301}",
    "\u{e000}",
    "\u{ffff}",
    "\u{96}",
];

#[tokio::test]
async fn invisible_answer_counts_as_missing() {
    let site = TestSite::new().await;
    for unseen in UNSEEN {
        let form: Vec<(&str, &str)> = QUESTIONS.iter().map(|question| (question.name, unseen)).collect();
        let reply = site.post(&form).await;
        let required = QUESTIONS.iter().filter(|question| question.required);
        let required: Vec<String> = required.map(|question| format!("#{}", question.name)).collect();
        assert_eq!(reply.attributes(".summary li a", "href"), required, "{unseen:?}");
        assert!(
            reply
                .all(".summary li")
                .iter()
                .all(|problem| ["Enter", "Select", "Say"].iter().any(|verb| problem.starts_with(verb))),
            "{unseen:?}"
        );
        for half in [("alternate_name", unseen), ("alternate_email", unseen)] {
            assert_eq!(site.check(&[half]).await.status, StatusCode::OK, "{half:?}");
        }
    }
}

#[tokio::test]
async fn all_problems_appear_at_once_in_a_focused_summary() {
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
async fn alternate_needs_both_name_and_address() {
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
async fn repeated_and_unknown_fields_lose_nothing() {
    let site = TestSite::new().await;
    let twice = [
        ("representative_role", "Director"),
        ("representative_role", "Treasurer"),
    ];
    assert_refused(
        &site,
        &twice,
        "representative_role",
        "only once: different answers arrived",
    )
    .await;
    assert_eq!(
        site.check(&twice).await.kept("representative_role"),
        ["Director / Treasurer"]
    );
    let same_twice = [("representative_role", "Director"), ("representative_role", "Director")];
    assert_eq!(site.check(&same_twice).await.status, StatusCode::OK);
    assert_eq!(site.check(&[("nobody_asked", "x")]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn invalid_utf8_is_rejected_and_other_answers_are_kept() {
    let site = TestSite::new().await;
    let good = encode(&good_with(&[("organization_name", "")]));
    let body = [good.as_bytes(), b"&organization_name=Caf%E9+Associa\xe7\xe3o"].concat();
    let reply = site.post_raw("/membership", body).await;
    assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY);
    // The empty answer and the damaged one belong to the same question.
    assert!(reply.text_of(".summary li").contains("“Name of your organization”"));
    let alone =
        encode(&good_with(&[])).replace("organization_name=Afya+Bora+Health+Network", "organization_name=Caf%E9");
    let reply = site.post_raw("/membership", alone).await;
    assert_eq!(
        reply.all(".summary li"),
        ["Enter the answer to “Name of your organization” again: part of the text was damaged when it was sent"]
    );
    reply.assert_keeps(&good_with(&[("organization_name", "Caf\u{fffd}")]));
}

#[tokio::test]
async fn malformed_form_encoding_counts_as_an_empty_form() {
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
