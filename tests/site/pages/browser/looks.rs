//! The look of the pages, as far as a program can check it.

use npoc::locale::Language;
use npoc::membership::{Field, words};
use serde_json::{Value, json};
use thirtyfour::common::print::PrintParameters;
use uuid::Uuid;

use super::{ARABIC, State, every_state};
use crate::support::browser::{Browser, in_a_browser};
use crate::support::good_with;

/// Texts beyond the sides of the window, without texts for screen readers.
const OUTSIDE: &str = "(() => {
    const cut = [...document.querySelectorAll('body *')].filter(e => {
        if (e.closest('.visually-hidden, .skip, svg, option') || !e.textContent.trim()) return false;
        const box = e.getBoundingClientRect();
        return box.width > 0 && (box.left < -1 || box.right > innerWidth + 1);
    });
    const scrolls = document.documentElement.scrollWidth > innerWidth;
    return cut.map(e => e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 30))
        .concat(scrolls ? ['the page scrolls sideways'] : []);
})()";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn no_page_scrolls_sideways_when_narrow_or_enlarged() {
    in_a_browser(async |browser| {
        let states = every_state(browser).await;
        assert_nothing_is_outside(browser, states).await;
    })
    .await;
}

/// Asserts that these pages fit the window in each setting.
pub async fn assert_nothing_is_outside(browser: &Browser, states: impl IntoIterator<Item = State>) {
    let script = "const s = new CSSStyleSheet(); s.replaceSync(arguments[0]); document.adoptedStyleSheets = [s]";
    let mut found = Vec::new();
    for state in states {
        state.show(browser).await;
        for (setting, width, style) in SETTINGS {
            browser.size(width, 640).await;
            browser.js(script, vec![json!(style)]).await;
            let outside = browser.see(OUTSIDE).await;
            if outside != json!([]) {
                found.push(format!("{} ({setting}): {outside}", state.name));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// 320 CSS pixels are 1280 at 400 % (WCAG 1.4.10). The spacing is from WCAG 1.4.12.
const SETTINGS: [(&str, u32, &str); 4] = [
    ("320 pixels", 320, ""),
    (
        "wide spacing",
        320,
        "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }
         p { margin-block-end: 2em !important }",
    ),
    ("text at 200 %", 320, "html { font-size: 200% }"),
    ("text at 200 % on a desk", 1280, "html { font-size: 200% }"),
];

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn pages_have_every_rule_of_the_style_sheet() {
    in_a_browser(async |browser| {
        browser.open_page("/").await;
        let rules = "const spaced = rule => rule.cssText.replace(/([,:]) ?/g, '$1 ');
            const source = new CSSStyleSheet();
            source.replaceSync(arguments[0]);
            const rules = sheet => [...sheet.cssRules].map(spaced);
            return [rules(source), rules(document.styleSheets[0])];";
        let css = include_str!("../../../../static/site.css");
        let rules = browser.js(rules, vec![json!(css)]).await;
        assert!(rules[0].as_array().unwrap().len() > 150, "{rules}");
        assert_eq!(rules[0], rules[1]);
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn press_targets_are_at_least_44_pixels() {
    in_a_browser(async |browser| {
        let mut found = Vec::new();
        browser.size(320, 640).await;
        for state in every_state(browser).await {
            state.show(browser).await;
            let small = browser.see(SMALL).await;
            if small != json!([]) {
                found.push(format!("{}: {small}", state.name));
            }
        }
        assert!(found.is_empty(), "{}", found.join("\n"));
    })
    .await;
}

/// Targets under 44 pixels (WCAG 2.5.5, AAA), except links in sentences, fields with a label to press, and hidden
/// elements.
const SMALL: &str = "[...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, .choice label')]
    .filter(e => {
        if (e.matches('.skip, [type=radio], [type=checkbox]') || !e.getClientRects().length) return false;
        if (e.matches('a') && getComputedStyle(e).display === 'inline' && e.closest('p, li')) return false;
        const box = e.getBoundingClientRect();
        return box.height < 43.5 || box.width < 43.5;
    })
    .map(e => e.tagName + ' ' + (e.id || e.textContent.trim().slice(0, 30)) + ' ' + Math.round(e.getBoundingClientRect().height))";

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn right_to_left_answers_keep_their_direction() {
    in_a_browser(async |browser| {
        browser.post("/membership", &good_with(ARABIC)).await;
        let directions = "[...document.querySelectorAll('.answer')].map(e => [
            e.querySelector('dt').textContent, getComputedStyle(e.querySelector('dd p') || e).direction])";
        let directions = browser.see(directions).await;
        let direction = |field: Field| {
            let label = words::short_label(Language::En, field);
            let rows = directions.as_array().unwrap();
            rows.iter().find(|row| row[0] == json!(label)).unwrap()[1].clone()
        };
        assert_eq!(direction(Field::OrganizationName), json!("rtl"));
        assert_eq!(direction(Field::Statement), json!("rtl"));
        assert_eq!(direction(Field::RepresentativeEmail), json!("rtl"));
        assert_eq!(
            direction(Field::OrganizationNameLatin),
            json!("ltr"),
            "the first letter decides"
        );
        assert_eq!(direction(Field::DomainName), json!("ltr"));
        assert_eq!(
            browser.see("getComputedStyle(document.body).direction").await,
            json!("ltr")
        );

        for (phone, bidi) in [("+٢٠ ١٠٠ ١٢٣ ٤٥٦٧", "bidi-override"), ("هاتف 0123456", "isolate")] {
            let refused = [("representative_phone", phone), ("country", ""), ("step", "check")];
            browser.post("/membership", &good_with(&refused)).await;
            let laid_out = "getComputedStyle(document.querySelector('[name=representative_phone]')).unicodeBidi";
            assert_eq!(browser.see(laid_out).await, json!(bidi), "{phone}");
        }

        browser.open_page("/membership").await;
        for (name, typed, direction) in [
            ("organization_name", "مؤسسة", "rtl"),
            ("statement", "نعمل", "rtl"),
            ("representative_name", "Ann", "ltr"),
        ] {
            browser.tab_to(&format!("[name={name}]")).await;
            browser.keys(typed).await;
            let laid_out = browser.see("getComputedStyle(document.activeElement).direction").await;
            assert_eq!(laid_out, json!(direction), "{name}");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn light_and_dark_color_schemes_differ() {
    in_a_browser(async |browser| {
        browser.open_page("/membership").await;
        let mut colors = Vec::new();
        for scheme in ["light", "dark"] {
            browser.media(&[("prefers-color-scheme", scheme)]).await;
            colors.push(browser.see("getComputedStyle(document.body).backgroundColor").await);
        }
        assert_eq!(colors, [json!("rgb(255, 255, 255)"), json!("rgb(11, 26, 36)")]);
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn forced_colors_keep_outlines_and_borders() {
    in_a_browser(async |browser| {
        browser.media(&[("forced-colors", "active")]).await;
        browser.post("/membership", &[("step", "check")]).await;
        for (selector, side) in [
            (".summary", "Top"),
            (".question--problem", "Left"),
            ("input[type=text]", "Bottom"),
            ("select", "Bottom"),
            ("textarea", "Bottom"),
            ("form.application > button", "Bottom"),
        ] {
            assert_line(browser, selector, side).await;
        }
        assert_line(browser, ".summary:focus", "Outline").await;
        browser.tab_to("[name=domain_name]").await;
        assert_line(browser, "[name=domain_name]", "Outline").await;
        browser.post("/membership", &good_with(super::QUESTIONABLE)).await;
        assert_line(browser, ".notice--warning", "Top").await;
        browser
            .open_page(browser.site.send(&[], Uuid::now_v7()).await.location())
            .await;
        assert_line(browser, ".panel", "Top").await;
    })
    .await;
}

/// Checks that a line is drawn in another color than the background.
async fn assert_line(browser: &Browser, selector: &str, side: &str) {
    let script = "const e = document.querySelector(arguments[0]), s = getComputedStyle(e);
        const [style, width, color] = arguments[1] === 'Outline'
            ? [s.outlineStyle, s.outlineWidth, s.outlineColor]
            : ['Style', 'Width', 'Color'].map(part => s['border' + arguments[1] + part]);
        return style !== 'none' && parseFloat(width) >= 1 && color !== getComputedStyle(document.body).backgroundColor;";
    // The focus comes with the first frame, which may be later than the page.
    browser
        .until(&format!("return document.querySelector({selector:?}) !== null"))
        .await;
    let drawn = browser.js(script, vec![json!(selector), json!(side)]).await;
    assert_eq!(drawn, json!(true), "{selector}, {side}");
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn reduced_motion_stops_all_animation() {
    in_a_browser(async |browser| {
        browser.open_page("/membership").await;
        let moving = "[...document.querySelectorAll('*')].filter(e => {
            const s = getComputedStyle(e);
            return s.animationName !== 'none' || s.transitionDuration.split(',').some(d => parseFloat(d) > .01);
        }).length";
        assert_ne!(
            browser.see(moving).await,
            json!(0),
            "without the setting, something moves"
        );
        browser.media(&[("prefers-reduced-motion", "reduce")]).await;
        assert_eq!(browser.see(moving).await, json!(0));
    })
    .await;
}

#[tokio::test]
#[ignore = "drives Chromium: bin/browser runs it"]
async fn receipt_prints_on_one_page_without_navigation() {
    in_a_browser(async |browser| {
        browser
            .open_page(browser.site.send(&[], Uuid::now_v7()).await.location())
            .await;
        let pdf = browser.driver.print_page(PrintParameters::default()).await.unwrap();
        let pages = String::from_utf8_lossy(&pdf).matches("/Type /Page\n").count();
        assert_eq!(pages, 1);
        let dark_on_paper =
            json!({ "media": "print", "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        browser.emulate("Emulation.setEmulatedMedia", dark_on_paper).await;
        let text = browser.see("document.body.innerText").await.to_string();
        let reference = browser.see("document.querySelector('.reference').textContent").await;
        for said in [
            reference.as_str().unwrap(),
            "What happens next",
            "How to reach NPOC",
            "info@npoc.org",
        ] {
            assert!(text.contains(said), "{said} is missing in {text}");
        }
        assert!(!text.contains("our goals") && !text.contains("Skip to"), "{text}");
        let colors = ["body", ".panel"]
            .map(|selector| format!("getComputedStyle(document.querySelector('{selector}')).backgroundColor"));
        for color in colors {
            assert_eq!(
                browser.see(&color).await,
                Value::from("rgb(255, 255, 255)"),
                "{color}: the background is not printed"
            );
        }
        assert_eq!(
            browser
                .see("getComputedStyle(document.querySelector('.reference')).color")
                .await,
            json!("rgb(0, 0, 0)")
        );
    })
    .await;
}
