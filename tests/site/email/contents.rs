//! The contents of the two emails of an application, parsed as email programs parse them.

use npoc::locale::Language;
use npoc::membership::{QUESTIONS, words};

use crate::support::{GOOD, Mail, TestSite};

#[tokio::test]
async fn staff_email_shows_every_answer_under_its_label() {
    let site = TestSite::new().await;
    let reference = site.apply(&[("website", "https://afyabora.or.ke/en")]).await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    let mut rest = staff.text.as_str();
    for question in QUESTIONS {
        let label = words::short_label(Language::En, question.field);
        let (_, after) = rest
            .split_once(&format!("\n{label}\n"))
            .unwrap_or_else(|| panic!("{label} is missing or out of order"));
        let answer = GOOD
            .iter()
            .find(|(name, value)| *name == question.name && !value.is_empty());
        let expected = match (question.name, answer) {
            ("website", _) => "https://afyabora.or.ke/en".to_owned(),
            (_, Some((_, value))) => words::answer(Language::En, question.field, value)
                .lines()
                .next()
                .unwrap()
                .to_owned(),
            (_, None) => words::unticked(Language::En, question.field)
                .unwrap_or("Not provided")
                .to_owned(),
        };
        assert!(after.starts_with(&format!("    {expected}\n")), "{label}: {expected}");
        assert!(
            staff.html.contains(&expected.replace('\'', "&#39;")),
            "{label} is missing in the HTML part"
        );
        rest = after;
    }
}

#[tokio::test]
async fn staff_email_begins_with_five_lines_and_ends_with_findings() {
    let site = TestSite::new().await;
    let earlier = site.apply(&[]).await;
    let reference = site
        .apply(&[
            ("domain_name", "https://WWW.AfyaBora.or.ke/"),
            ("registered", "no"),
            ("not_eligible", "government"),
            ("representative_email", "wanjiku@mail.example.org"),
        ])
        .await;
    site.deliver_all().await;
    let (first, _) = site.emails(&earlier);
    assert!(
        first.text.contains(
            "\nVerdict: Complete: every required answer is given. The organization says that it is registered."
        )
    );
    assert!(first.text.contains("The same domain applied before\n    no\n"));
    assert!(
        first
            .text
            .contains("email address\n    under the organization’s own domain\n")
    );
    let (staff, _) = site.emails(&reference);
    let [organization, country, domain, ncsg, verdict] = staff.text.lines().take(5).collect::<Vec<_>>()[..] else {
        panic!("{}", staff.text)
    };
    assert_eq!(organization, "Organization: Afya Bora Health Network");
    assert_eq!(country, "Country and region: Kenya, Africa");
    assert_eq!(domain, "Domain name: afyabora.or.ke");
    assert_eq!(ncsg, "NCSG member: Not yet");
    assert!(
        verdict.contains("NOT REGISTERED") && verdict.contains("MAY KEEP IT FROM JOINING"),
        "{verdict}"
    );
    assert!(staff.text.contains("ICANN region\n    Africa\n"));
    assert!(
        staff
            .text
            .contains(&format!("The same domain applied before\n    YES: {earlier} on "))
    );
    assert!(
        staff
            .text
            .contains("email address\n    NOT under the organization’s own domain\n")
    );
}

#[tokio::test]
async fn verdict_lists_every_doubt() {
    let site = TestSite::new().await;
    site.apply(&[("domain_name", "grupo.github.io")]).await;
    let doubtful = [
        ("domain_name", "grupo.github.io"),
        ("representative_email", "ann@gmial.com"),
    ];
    let reference = site.apply(&doubtful).await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    let verdict = staff.text.lines().nth(4).unwrap();
    assert!(
        verdict.ends_with(
            "CHECK: a domain name that others use too; an email address that may be mistyped; \
             the same domain applied before."
        ),
        "{verdict}"
    );
    let verdict = verdict.strip_prefix("Verdict: ").unwrap();
    assert!(staff.html.contains(verdict));
}

#[tokio::test]
async fn phone_number_reads_left_to_right_in_any_digits() {
    let site = TestSite::new().await;
    let phone = [("representative_phone", "+٢٠ ١٠٠ ١٢٣ ٤٥٦٧")];
    assert_eq!(site.check(&phone).await.all("bdo[dir=ltr]"), ["+٢٠ ١٠٠ ١٢٣ ٤٥٦٧"]);
    let reference = site.apply(&phone).await;
    site.deliver_all().await;
    assert!(
        site.emails(&reference)
            .0
            .html
            .contains("<bdo dir=\"ltr\">+٢٠ ١٠٠ ١٢٣ ٤٥٦٧</bdo>")
    );
    let words = site.check(&[("representative_phone", "اسأل عن ليلى ١٢٣")]).await;
    assert!(words.all("bdo").is_empty(), "text keeps its own direction");
}

#[tokio::test]
async fn emails_have_the_headers_that_staff_and_filters_need() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.deliver_all().await;
    let (staff, applicant) = site.emails(&reference);
    assert_eq!(
        staff.subject,
        format!("[NPOC membership] Afya Bora Health Network (Kenya) {reference}")
    );
    assert_eq!(staff.header("To").unwrap(), "info@npoc.org");
    assert_eq!(staff.header("From").unwrap(), "\"NPOC website\" <no-reply@npoc.org>");
    assert_eq!(staff.header("Reply-To").unwrap(), "wanjiku@afyabora.or.ke");
    assert_eq!(staff.header("X-NPOC-Reference").unwrap(), reference);
    assert_eq!(staff.header("Auto-Submitted").unwrap(), "auto-generated");
    assert_eq!(
        staff.header("Message-ID").unwrap(),
        format!("<{reference}.staff@npoc.org>")
    );
    assert_eq!(applicant.header("To").unwrap(), "wanjiku@afyabora.or.ke");
    assert_eq!(applicant.header("Reply-To").unwrap(), "info@npoc.org");
    assert_eq!(applicant.header("Auto-Submitted").unwrap(), "auto-generated");
    let parts = staff.raw.find("text/plain").unwrap() < staff.raw.find("text/html").unwrap();
    assert!(
        parts && staff.raw.contains("multipart/alternative"),
        "plain text comes first"
    );
}

#[tokio::test]
async fn no_answer_reaches_the_applicant_email() {
    let site = TestSite::new().await;
    let reference = site.apply(&[("organization_name", "Buy at evil.example now")]).await;
    site.deliver_all().await;
    let (_, applicant) = site.emails(&reference);
    for (name, value) in GOOD
        .iter()
        .filter(|(name, value)| value.len() > 4 && !["representative_email", "domain_name"].contains(name))
    {
        assert!(!applicant.raw.contains(value), "{name}");
        assert!(
            !applicant.text.contains(value) && !applicant.html.contains(value),
            "{name}"
        );
    }
    assert!(!applicant.raw.contains("evil.example"));
    assert!(applicant.text.contains(&reference) && applicant.subject.contains(&reference));
    let link = applicant.text.lines().find(|line| line.contains("/received/")).unwrap();
    let receipt = site.get(link.strip_prefix("http://127.0.0.1:8080").unwrap()).await;
    assert_eq!(receipt.text_of(".reference"), reference);
}

#[tokio::test]
async fn answers_cannot_forge_headers_or_headings() {
    let site = TestSite::new().await;
    let reference = site
        .apply(&[
            ("organization_name", "Evil\r\nBcc: victim@example.org\r\n\r\nBody"),
            ("representative_name", "Ann\r\nX-Injected: yes <b>"),
            (
                "statement",
                "We do good works.\n\nWORKED OUT BY THE SITE, NOT BY THE APPLICANT\n\nICANN region\n    Mars",
            ),
        ])
        .await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    assert_eq!((staff.header("Bcc"), staff.header("X-Injected")), (None, None));
    assert_eq!(
        staff.text.matches("\nWORKED OUT BY THE SITE").count(),
        1,
        "answers are indented, headings are not"
    );
    assert!(staff.html.contains("&#60;b&#62;") || staff.html.contains("&lt;b&gt;"));
}

#[tokio::test]
async fn name_like_an_encoded_word_is_not_decoded() {
    let site = TestSite::new().await;
    let reference = site
        .apply(&[("organization_name", "=?utf-8?q?=5BNPOC=5D_fake?=")])
        .await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    assert!(!staff.subject.contains("[NPOC] fake"), "{}", staff.subject);
}

#[tokio::test]
async fn long_name_is_shortened_in_the_subject_only() {
    let site = TestSite::new().await;
    let name = "संगठन ".repeat(30);
    let reference = site.apply(&[("organization_name", &name)]).await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    assert!(
        staff.subject.contains('…') && staff.subject.ends_with(&reference),
        "{}",
        staff.subject
    );
    assert!(staff.text.contains(name.trim()));
}

#[tokio::test]
async fn mailbox_outside_ascii_is_named_in_the_body() {
    let site = TestSite::new().await;
    let reference = site.apply(&[("representative_email", "用户@例え.テスト")]).await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    assert_eq!(staff.header("Reply-To"), None);
    assert!(
        staff
            .text
            .contains("Do not reply to this email. Write to:\n    Wanjikũ Kamau\n    用户@例え.テスト\n")
    );
}

#[tokio::test]
async fn emails_match_their_snapshots() {
    let site = TestSite::new().await;
    let reference = site.apply(&[]).await;
    site.deliver_all().await;
    let (staff, applicant) = site.emails(&reference);
    insta::assert_snapshot!("staff", masked(&staff, &reference));
    insta::assert_snapshot!("applicant", masked(&applicant, &reference));
}

/// Masks the parts that differ between emails.
fn masked(mail: &Mail, reference: &str) -> String {
    let text = format!("Subject: {}\n\n{}", mail.subject, mail.text).replace(reference, "NPOC-XXXX-XXXX");
    let mask = |line: &str| match line.split_once("/received/") {
        Some((before, _)) => format!("{before}/received/SECRET"),
        None if line.ends_with(" UTC") => "    DATE UTC".to_owned(),
        None => line.to_owned(),
    };
    text.lines().map(mask).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn no_answer_becomes_a_link_in_the_staff_email() {
    let site = TestSite::new().await;
    let typed = [
        ("organization_name", "Sign in at evil.example now"),
        ("website", "https://evil.example/login"),
        (
            "statement",
            "See https://evil.example/a and www.evil.example, and write to ann@evil.example.",
        ),
        ("registration_note", "http://npoc.org@evil.example/"),
        ("representative_name", "Ann evil.example"),
        (
            "icann_groups",
            "https://аpple.example and https://afyabora.or.ke/groups",
        ),
        ("representative_email", "www.evil.example/ann@gmail.com"),
        ("alternate_name", "Bob evil.example|https://afyabora.or.ke"),
        ("alternate_email", "evil.example?bob@gmail.com"),
    ];
    let reference = site.apply(&typed).await;
    site.deliver_all().await;
    let (staff, _) = site.emails(&reference);
    for part in [&staff.text, &staff.html, &staff.subject] {
        assert!(
            !part.contains("evil.example") && !part.contains("pple.example"),
            "{part}"
        );
    }
    for words in [
        "https[:]//evil[.]example/login [leads to evil[.]example]",
        "http[:]//npoc[.]org@evil[.]example/ [leads to evil[.]example]",
        "https[:]//аpple[.]example [leads to xn--pple-43d[.]example] and https://afyabora.or.ke/groups",
        "www[.]evil[.]example/ann@gmail[.]com",
    ] {
        assert!(staff.text.contains(words), "{words} in {}", staff.text);
    }
    let html = scraper::Html::parse_document(&staff.html);
    let links = scraper::Selector::parse("a").unwrap();
    let links: Vec<_> = html.select(&links).filter_map(|link| link.attr("href")).collect();
    assert_eq!(
        links,
        ["https://afyabora.or.ke/"],
        "only the stated domain name is a link"
    );
}
