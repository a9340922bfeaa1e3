//! Nothing that an applicant reads is outside the catalogue of the language.

use axum::http::StatusCode;
use npoc::locale::Language;
use npoc::membership::QUESTIONS;
use npoc::values::Country;
use npoc::web::Page;
use scraper::node::Element;
use scraper::{Html, Node};
use uuid::Uuid;

use super::catalogue::{Catalogue, countries, unsaid};
use crate::support::{GOOD, Reply, TestSite, encode, folded, good_with};

/// Texts that are the same in every language.
pub const SAME: &[&str] = &[
    "NPOC",
    "ICANN",
    "GNSO",
    "NCSG",
    "NCUC",
    "icann.org",
    "info@npoc.org",
    "yourname.org",
    "info@yourname.org",
    "yournarne.org",
    ".org",
    ".ke",
    ".br",
    ".مصر",
    "·",
];

/// Answers that need every sentence of the check page.
const DOUBTFUL: &[(&str, &str)] = &[
    ("domain_name", "grupo.github.io"),
    ("registered", "no"),
    ("representative_email", "ann@gmial.com"),
    ("alternate_name", "Bob"),
    ("alternate_email", "мmax@exаmple.unknownending"),
    ("not_eligible", "commercial"),
];

/// One invalid answer for each problem that a form can have.
const INVALID: &[(&str, &str)] = &[
    ("organization_name", ""),
    ("organization_name", "\u{fffd}"),
    ("domain_name", ""),
    ("domain_name", "example"),
    ("domain_name", "192.0.2.1"),
    ("domain_name", "a..org"),
    ("domain_name", "my org.org"),
    ("domain_name", "my_org.org"),
    ("domain_name", "co.uk"),
    ("domain_name", "info@example.org"),
    ("domain_name", "exa<b>mple.org"),
    ("domain_name", "xn--a.org"),
    (
        "domain_name",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org",
    ),
    ("website", "javascript:alert(1)"),
    ("country", ""),
    ("country", "XX"),
    ("registered", ""),
    ("registration_note", ""),
    ("registration_note", "A"),
    ("kind_of_work", ""),
    ("statement", ""),
    ("statement", "Too short"),
    ("representative_name", ""),
    ("representative_role", ""),
    ("representative_email", ""),
    ("representative_email", "nobody"),
    ("representative_email", "a@b@c.org"),
    ("representative_email", "@example.org"),
    ("representative_email", "ann@"),
    ("representative_email", "a..b@example.org"),
    ("representative_email", "a b@example.org"),
    ("representative_email", "Ann <ann@example.org>"),
    ("representative_email", "a@localhost"),
    ("representative_email", "a@-.org"),
    ("representative_email", "<script>@example.org"),
    ("representative_email", "(a)@example.org"),
    (
        "representative_phone",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ),
    ("ncsg_status", ""),
    ("not_eligible", "anything"),
    ("authorised", ""),
    ("publish", "maybe"),
    ("alternate_name", "Bob"),
    ("alternate_email", "bob@example.org"),
    ("representative_email", "=?utf-8?q?x?=@example.org"),
    ("representative_email", TOO_LONG),
    ("representative_role", TWICE),
];

/// An answer that the form has twice, with another one.
const TWICE: &str = "twice";

/// A mailbox of 65 characters.
const TOO_LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@example.org";

/// Returns the texts that a reader sees or hears: text nodes, and attributes with words. Answers are not among them.
fn texts(reply: &Reply) -> Vec<String> {
    texts_of(&reply.body)
}

/// Returns the same of a document.
pub fn texts_of(html: &str) -> Vec<String> {
    let html = Html::parse_document(html);
    let mut texts = Vec::new();
    for node in html.tree.nodes() {
        let mut ancestors = node.ancestors().filter_map(|node| node.value().as_element());
        match node.value() {
            Node::Text(text) if !ancestors.any(has_no_words_of_ours) => texts.push(folded(text)),
            Node::Element(element) => {
                let words = ["alt", "title", "aria-label"]
                    .into_iter()
                    .filter_map(|name| element.attr(name));
                texts.extend(words.map(folded));
                let is_described = ["description", "og:title", "og:description", "og:image:alt"];
                let name = element.attr("name").or(element.attr("property")).unwrap_or_default();
                texts.extend(
                    element
                        .attr("content")
                        .filter(|_| is_described.contains(&name))
                        .map(folded),
                );
            }
            _ => {}
        }
    }
    texts.retain(|text| text.chars().any(char::is_alphabetic));
    texts
}

/// Returns whether an element has code, answers, or words that are marked as those of another language.
fn has_no_words_of_ours(element: &Element) -> bool {
    let is_marked = element.attr("lang").is_some() && element.name() != "html";
    is_marked || ["style", "textarea", "bdo"].contains(&element.name())
}

/// Returns every page and state of the form in a language, but not the receipt.
async fn states(site: &TestSite, language: Language) -> Vec<(String, Reply)> {
    let form = Page::MEMBERSHIP.address(language).to_string();
    let mut states = Vec::new();
    for page in Page::ALL {
        let path = page.address(language).to_string();
        states.push((path.clone(), site.get(&path).await));
    }
    let below = Page::JOIN.address(language).to_string();
    states.push(("not found".into(), site.get(&format!("{below}/nowhere")).await));
    states.push(("method".into(), site.post_raw(&below, "").await));
    for (state, fields) in [
        ("refused", vec![("step", "check")]),
        ("check", good_with(&[("step", "check")])),
        ("doubtful", good_with(&[DOUBTFUL, &[("step", "check")]].concat())),
        (
            "suggestion taken",
            good_with(&[DOUBTFUL, &[("take_likelier", "representative_email")]].concat()),
        ),
        ("change", good_with(&[("change", "statement")])),
    ] {
        states.push((state.into(), site.post_raw(&form, encode(&fields)).await));
    }
    states
}

fn is_an_answer(text: &str) -> bool {
    let answers = GOOD.iter().chain(DOUBTFUL).map(|(_, answer)| *answer);
    let mut lines = answers.flat_map(str::lines).map(folded);
    lines.any(|line| line == text)
        || text.starts_with("xn--")
        || ["ann@gmail.com", "github.io"].contains(&text)
        || text.ends_with(".unknownending")
}

#[tokio::test]
async fn pages_say_nothing_outside_their_catalogue() {
    let site = TestSite::with(&[
        ("NPOC_CHARTER_URL", "https://example.org/charter"),
        ("NPOC_RETENTION_DAYS", "400"),
    ])
    .await;
    for language in Language::ALL {
        let catalogue = Catalogue::of(language);
        let mut states = states(&site, language).await;
        let mut form = good_with(&[("step", "send")]);
        let checked = site
            .post_raw(&Page::MEMBERSHIP.address(language).to_string(), encode(&good_with(&[])))
            .await;
        let key = checked.submission_key().to_string();
        let form_key = checked.attributes("input[name=form_key]", "value").remove(0);
        form.extend([("submission_key", key.as_str()), ("form_key", &form_key)]);
        let sent = site
            .post_raw(&Page::MEMBERSHIP.address(language).to_string(), encode(&form))
            .await;
        states.push(("receipt".into(), site.get(sent.location()).await));
        for (state, reply) in states {
            for text in texts(&reply) {
                let is_known = SAME.contains(&text.as_str()) || catalogue.says(&text) || is_an_answer(&text);
                assert!(is_known || text.starts_with("NPOC-"), "{state} in {language:?}: {text}");
            }
        }
    }
}

/// Words that `en-XA` leaves as they are.
fn plain_words(text: &str) -> Vec<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphabetic());
    words
        .filter(|word| word.len() > 1 && !word.chars().all(|letter| letter.is_ascii_uppercase()))
        .collect()
}

#[tokio::test]
async fn pseudo_language_shows_no_hard_coded_text() {
    let site = TestSite::with(&[
        ("NPOC_LANGUAGES", "en,en-XA,ar-XB"),
        ("NPOC_CHARTER_URL", "https://example.org/charter"),
        ("NPOC_RETENTION_DAYS", "400"),
    ])
    .await;
    for code in ["en-XA", "ar-XB"] {
        for (state, reply) in states(&site, Language::of_code(code).unwrap()).await {
            assert_eq!(reply.attributes("html", "lang"), [code], "{state}");
            for text in texts(&reply) {
                let is_country = Country::offers().iter().any(|offer| offer.label == text);
                let is_known = SAME.contains(&text.as_str()) || is_country || is_an_answer(&text);
                assert!(is_known || plain_words(&text).is_empty(), "{state} in {code}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn every_problem_is_a_sentence_of_its_language() {
    let site = TestSite::new().await;
    for language in Language::ALL {
        let catalogue = Catalogue::of(language);
        let path = Page::MEMBERSHIP.address(language).to_string();
        let mut said = Vec::new();
        for (field, value) in INVALID {
            let what = format!("{language:?} {field} {value}");
            // A field that is posted twice has two answers.
            let mut form = good_with(&[(field, value), ("step", "check")]);
            form.extend((*value == TWICE).then_some((*field, "another")));
            let reply = site.post_raw(&path, encode(&form)).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
            assert_eq!(reply.attributes("html", "lang"), [language.tag()], "{what}");
            let [sentence] = &reply.all(".summary li")[..] else {
                panic!("{what}: {:?}", reply.all(".summary li"));
            };
            let link = reply.attributes(".summary li a", "href").remove(0);
            let beside = reply.text_of(&format!("{link}-problem"));
            assert!(beside.ends_with(sentence.as_str()), "{what}: {beside}");
            assert!(catalogue.says(sentence), "{what}: {sentence}");
            said.push(sentence.clone());
        }
        // `missing-other` is for a required question without a sentence of its own.
        assert_eq!(unsaid(language, "problems", &said), ["missing-other"], "{language:?}");
    }
}

#[tokio::test]
async fn names_and_values_of_fields_do_not_depend_on_the_language() {
    let site = TestSite::new().await;
    let fields = |reply: &Reply| {
        let form = "form.application input:not([type=hidden]), form.application select, form.application textarea";
        let values = "form.application input[type=radio], form.application input[type=checkbox]";
        let mut countries = reply.attributes("select[name=country] option", "value");
        countries.sort_unstable();
        countries.dedup();
        (
            reply.attributes(form, "name"),
            reply.attributes(values, "value"),
            countries,
        )
    };
    let english = fields(&site.get("/membership").await);
    assert!(
        QUESTIONS
            .iter()
            .all(|question| english.0.iter().any(|name| name == question.name))
    );
    for language in Language::ALL {
        let reply = site.get(&Page::MEMBERSHIP.address(language).to_string()).await;
        assert_eq!(fields(&reply), english, "{language:?}");
    }
}

#[tokio::test]
async fn numbers_have_the_plural_form_of_their_language() {
    for (days, language, sentence) in [
        ("30", Language::Ar, "30 يومًا"),
        ("101", Language::Ar, "101 يوم"),
        ("103", Language::Ar, "103 أيام"),
        ("111", Language::Ar, "111 يومًا"),
        ("200", Language::Ar, "200 يوم"),
        ("31", Language::Ru, "31 день"),
        ("33", Language::Ru, "33 дня"),
        ("111", Language::Ru, "111 дней"),
        ("400", Language::Fr, "400 jours"),
        ("400", Language::Es, "400 días"),
        ("400", Language::Zh, "400 天"),
    ] {
        let site = TestSite::with(&[("NPOC_RETENTION_DAYS", days)]).await;
        let page = site.get(&Page::PRIVACY.address(language).to_string()).await;
        let text = page.text_of("main").replace('\u{a0}', " ");
        assert!(text.contains(sentence), "{language:?} {days}: {text}");
    }
}

#[tokio::test]
async fn countries_are_in_the_order_and_words_of_the_language() {
    let site = TestSite::new().await;
    for language in Language::ALL {
        let form = site.get(&Page::MEMBERSHIP.address(language).to_string()).await;
        let offered = form.all("select[name=country] option[value]:not([value=''])");
        assert_eq!(offered, countries(language), "{language:?}");
    }
}

#[tokio::test]
async fn an_answer_is_text_in_every_language() {
    let site = TestSite::new().await;
    let hostile = "<b>\u{E000}\u{E001}{ $mail }</b>";
    for language in Language::ALL {
        let form = Page::MEMBERSHIP.address(language).to_string();
        let fields = good_with(&[("organization_name", hostile), ("country", hostile), ("step", "check")]);
        let reply = site.post_raw(&form, encode(&fields)).await;
        assert!(reply.all("main b").is_empty(), "{language:?}");
        let key = Uuid::now_v7().to_string();
        let fields = good_with(&[("organization_name", hostile), ("step", "check"), ("form_key", &key)]);
        let reply = site.post_raw(&form, encode(&fields)).await;
        assert!(reply.all("main b").is_empty(), "{language:?}");
        assert!(
            reply.text_of("#answer-organization_name").contains("{ $mail }"),
            "{language:?}"
        );
    }
}
