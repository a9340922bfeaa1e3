//! A whole application in each language and in its script.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use npoc::locale::Language;
use npoc::web::Page;
use uuid::Uuid;

use super::catalogue::Catalogue;
use super::sentences::{SAME, texts_of};
use crate::support::mail::Mail;
use crate::support::{Reply, TestSite, encode, folded, good_with};

/// A name, a statement and a representative in the script of each language.
fn in_own_script(language: Language) -> [(&'static str, &'static str); 3] {
    let [name, statement, representative] = match language {
        Language::Fr => [
            "Santé pour tous à Gaoua",
            "Nous œuvrons pour la santé, là où l’État manque.",
            "Aïssatou N’Diaye",
        ],
        Language::Es => [
            "Fundación Niñez y Paz",
            "Acompañamos a niñas y niños en tres provincias.",
            "José Peña",
        ],
        Language::Ar => [
            "جمعية الصحة للجميع",
            "نعمل على توفير الرعاية الصحية في القرى البعيدة.",
            "فاطمة الزهراء",
        ],
        Language::Zh => [
            "大众健康协会",
            "我们在四个县开办卫生站，并为农村居民提供健康教育和基本医疗服务。",
            "王小明",
        ],
        Language::Ru => [
            "Общество «Здоровье для всех»",
            "Мы открываем медпункты в сёлах четырёх районов.",
            "Анна Ёлкина",
        ],
        _ => ["Health for All", "We run health posts in four counties.", "Ann Lee"],
    };
    [
        ("organization_name", name),
        ("statement", statement),
        ("representative_name", representative),
    ]
}

/// Sends the application as a browser without scripts would: fills in, is refused, repairs, checks, sends.
async fn apply(site: &TestSite, language: Language) -> Reply {
    let form = Page::MEMBERSHIP.address(language).to_string();
    let own = in_own_script(language);
    let empty = site.get(&form).await;
    assert_eq!(empty.attributes("form.application", "action"), [form.as_str()]);
    let form_key = empty.attributes("input[name=form_key]", "value").remove(0);
    let keys = [("form_key", form_key.as_str()), ("step", "check")];
    let without_email = good_with(&[&own[..], &keys, &[("representative_email", "")]].concat());
    let refused = site.post_raw(&form, encode(&without_email)).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{language:?}");
    refused.assert_keeps(&own[..1]);
    let checked = site
        .post_raw(&form, encode(&good_with(&[&own[..], &keys].concat())))
        .await;
    assert_eq!(checked.status, StatusCode::OK, "{language:?}");
    assert_eq!(checked.attributes("form.application", "action"), [form.as_str()]);
    checked.assert_keeps(&own);
    let key = checked.submission_key().to_string();
    let sending = [
        ("form_key", form_key.as_str()),
        ("submission_key", &key),
        ("step", "send"),
    ];
    let sent = site
        .post_raw(&form, encode(&good_with(&[&own[..], &sending].concat())))
        .await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{language:?}");
    sent
}

#[tokio::test]
async fn receipt_and_emails_are_in_the_language_of_the_form() {
    let site = TestSite::new().await;
    for language in Language::ALL {
        let catalogue = Catalogue::of(language);
        let sent = apply(&site, language).await;
        assert!(
            sent.location().starts_with("/membership/received/"),
            "one address for every language"
        );
        let receipt = site.get(sent.location()).await;
        assert_eq!(receipt.attributes("html", "lang"), [language.tag()]);
        assert_eq!(receipt.headers[header::CONTENT_LANGUAGE], language.tag());
        assert!(catalogue.says(&receipt.text_of("h1")), "{language:?}");
        let reference = receipt.text_of(".reference");
        site.deliver_all().await;
        let (staff, applicant) = site.emails(&reference);
        assert_eq!(applicant.header("Content-Language").as_deref(), Some(language.tag()));
        assert!(
            applicant.subject.contains(&reference) && catalogue.says(&applicant.subject),
            "{}",
            applicant.subject
        );
        assert_is_translated(&catalogue, &applicant, &reference);
        let notice = "NPOC has not reviewed this translation yet.";
        let is_noticed = [&applicant.text, &applicant.html].map(|part| folded(part).contains(notice));
        assert_eq!(is_noticed, [language != Language::En; 2], "{language:?}");
        assert!(
            applicant.text.lines().any(|line| line == reference),
            "the reference is alone: {}",
            applicant.text
        );
        assert!(
            applicant
                .text
                .lines()
                .any(|line| line.ends_with(sent.location()) && line.starts_with("http"))
        );
        assert!(applicant.text.lines().any(|line| line == "info@npoc.org"));
        let attributes = format!("lang=\"{}\" dir=\"{}\"", language.tag(), language.direction());
        assert_eq!(
            applicant.html.matches(&attributes).count(),
            2,
            "html and the outermost element"
        );
        assert_eq!(staff.header("Content-Language").as_deref(), Some("en"));
        let named = format!("Language\n    {}\n", language.english_name());
        assert!(staff.text.contains(&named), "{}", staff.text);
        for (field, answer) in in_own_script(language) {
            assert!(staff.text.contains(answer), "{field}");
        }
    }
}

/// Asserts that both parts of an email say the same, all of it from the catalogue.
fn assert_is_translated(catalogue: &Catalogue, email: &Mail, reference: &str) {
    let plain = folded(&email.text);
    for text in texts_of(&email.html) {
        let is_fixed = text == reference || text.contains("://") || SAME.contains(&text.as_str());
        assert!(is_fixed || catalogue.says(&text), "{text}");
        let is_masthead =
            !plain.contains(&text) && catalogue.says(&text) && email.html.contains(&format!("</strong> {text}<"));
        let is_title = email.html.contains(&format!("<title>{text}</title>"));
        assert!(plain.contains(&text) || is_masthead || is_title, "only as HTML: {text}");
    }
}

#[tokio::test]
async fn answers_can_be_taken_along_into_another_language() {
    let site = TestSite::new().await;
    let own = in_own_script(Language::Ar);
    let typed = good_with(&[&own[..], &[("country", ""), ("step", "check")]].concat());
    let refused = site.post_raw("/ar/membership", encode(&typed)).await;
    let buttons = refused.attributes("form.application button", "formaction");
    assert_eq!(
        buttons,
        [
            "/membership",
            "/fr/membership",
            "/es/membership",
            "/zh/membership",
            "/ru/membership"
        ]
    );
    let kinds = refused.attributes("form.application button[type=submit]", "value");
    assert_eq!(kinds, ["edit"; 5], "the first button checks, so Enter does");
    let taken = good_with(&[&own[..], &[("country", ""), ("step", "check"), ("step", "edit")]].concat());
    let french = site.post_raw("/fr/membership", encode(&taken)).await;
    assert_eq!(french.status, StatusCode::OK);
    assert_eq!(french.attributes("html", "lang"), ["fr"]);
    assert!(french.all(".summary").is_empty());
    french.assert_keeps(&own);
    let checked = site.post_raw("/ru/membership", encode(&good_with(&own))).await;
    assert_eq!(checked.attributes("button[formaction]", "value"), ["check"; 5]);
    let english = site
        .post_raw(
            "/membership",
            encode(&good_with(&[&own[..], &[("step", "check")]].concat())),
        )
        .await;
    assert_eq!(english.text_of("h1"), "Check your answers, then send them");
    english.assert_keeps(&own);
}

#[tokio::test]
async fn applicant_changes_the_language_of_the_receipt() {
    let site = TestSite::new().await;
    let sent = apply(&site, Language::Ru).await;
    let receipt = site.get(sent.location()).await;
    let form = receipt.attributes("form.other-languages", "action").remove(0);
    assert_eq!(form, format!("{}/language", sent.location()));
    assert_eq!(
        receipt.attributes(".other-languages button", "value"),
        Language::ALL.map(Language::code)
    );
    for (body, language) in [
        ("language=ar", "ar"),
        ("language=zh&language=fr", "zh-Hans"),
        ("language=de", "zh-Hans"),
        ("language=", "zh-Hans"),
        ("", "zh-Hans"),
        ("language=en", "en"),
    ] {
        let changed = site.post_raw(&form, body).await;
        assert_eq!(
            (changed.status, changed.location()),
            (StatusCode::SEE_OTHER, sent.location()),
            "{body}"
        );
        let receipt = site.get(sent.location()).await;
        assert_eq!(receipt.attributes("html", "lang"), [language], "{body}");
    }
}

#[tokio::test]
async fn only_a_small_form_of_this_site_changes_the_language() {
    let site = TestSite::new().await;
    let sent = apply(&site, Language::En).await;
    let form = format!("{}/language", sent.location());
    let foreign = Request::post(&form)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "cross-site");
    site.ask(foreign.body(Body::from("language=ru")).unwrap()).await;
    assert_eq!(
        site.get(sent.location()).await.attributes("html", "lang"),
        ["en"],
        "another site changes nothing"
    );
    let unknown = format!("/membership/received/{}/language", Uuid::new_v4());
    for path in [unknown.as_str(), "/membership/received/0/language"] {
        assert_eq!(
            site.post_raw(path, "language=fr").await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let loaded = site.get(&form).await;
    assert_eq!(
        (loaded.status, loaded.location()),
        (StatusCode::SEE_OTHER, sent.location())
    );
    let long = format!("language=fr&{}", "a".repeat(2_000));
    assert_eq!(site.post_raw(&form, long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let text = Request::post(&form).body(Body::from("language=fr")).unwrap();
    assert_eq!(site.ask(text).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn application_keeps_a_language_that_is_unpublished_later() {
    let site = TestSite::new().await;
    let sent = apply(&site, Language::Es).await;
    let later = site.restarted_with(&[("NPOC_LANGUAGES", "en,fr")]);
    let receipt = later.get(sent.location()).await;
    assert_eq!(receipt.status, StatusCode::OK);
    assert_eq!(receipt.attributes("html", "lang"), ["es"]);
    assert_eq!(receipt.attributes(".other-languages button", "value"), ["en", "fr"]);
    for link in receipt.attributes("header a[href^='/'], footer a[href^='/']", "href") {
        assert_eq!(later.get(&link).await.status, StatusCode::OK, "{link}");
    }
    let form = later.post_raw("/es/membership", encode(&good_with(&[]))).await;
    assert_eq!(
        (form.status, form.location()),
        (StatusCode::TEMPORARY_REDIRECT, "/membership")
    );
    let alone = site.restarted_with(&[("NPOC_LANGUAGES", "en")]);
    let receipt = alone.get(sent.location()).await;
    assert_eq!(receipt.attributes(".other-languages button", "value"), ["en"]);
}

#[tokio::test]
async fn email_keeps_its_language_when_the_application_changes() {
    let site = TestSite::new().await;
    let sent = apply(&site, Language::Fr).await;
    site.post_raw(&format!("{}/language", sent.location()), "language=ar")
        .await;
    let reference = site.get(sent.location()).await.text_of(".reference");
    site.deliver_all().await;
    let (_, email) = site.emails(&reference);
    assert_eq!(email.header("Content-Language").as_deref(), Some("fr"));
    assert!(Catalogue::of(Language::Fr).says(&email.subject), "{}", email.subject);
}
