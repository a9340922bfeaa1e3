//! What a client asks of content: the whole, a part, or nothing if it has it (RFC 9110, 13 and 14).

use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// All of it.
    Whole,
    /// These octets.
    Part(Range<usize>),
    /// Nothing: the client has it (304).
    Nothing,
    /// Nothing: the client wants another version than ours (412).
    Another,
    /// Nothing: it has fewer octets (416).
    Beyond,
}

/// What a request asks of content of a tag and a length. There are no dates to compare: conditions by
/// date are passed over, as they are to be where a tag is compared too.
pub fn wish<B>(request: &Request<B>, etag: &HeaderValue, length: usize) -> Wish {
    let headers = request.headers();
    if headers.contains_key(header::IF_MATCH) && !lists(headers, header::IF_MATCH, etag, false) {
        Wish::Another
    } else if lists(headers, header::IF_NONE_MATCH, etag, true) {
        Wish::Nothing
    } else {
        match headers.get(header::RANGE) {
            Some(range) if request.method() == Method::GET && is_same(headers, etag) => part(range, length),
            _ => Wish::Whole,
        }
    }
}

/// Whether a list of tags has this one. A weak one is as good only where caches ask.
fn lists(headers: &HeaderMap, name: HeaderName, etag: &HeaderValue, takes_weak: bool) -> bool {
    let values = headers.get_all(name).into_iter();
    let mut tags = values.flat_map(|value| value.as_bytes().split(|octet| *octet == b','));
    tags.any(|tag| {
        let tag = tag.trim_ascii();
        let strong = tag.strip_prefix(b"W/").filter(|_| takes_weak).unwrap_or(tag);
        tag == b"*" || strong == etag.as_bytes()
    })
}

/// Whether a part would fit what the client has.
fn is_same(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|known| known == etag)
}

/// One range is sent. Of several the whole is, which is allowed; and of what cannot be read.
fn part(range: &HeaderValue, length: usize) -> Wish {
    let Some((first, last)) = range.to_str().ok().and_then(ends) else {
        return Wish::Whole;
    };
    let (start, end) = match (first, last) {
        (Some(first), Some(last)) if last < first => return Wish::Whole,
        (Some(first), last) => (first, last.map_or(length, |last| last.saturating_add(1).min(length))),
        (None, Some(count)) => (length.saturating_sub(count), length),
        (None, None) => return Wish::Whole,
    };
    if start < end {
        Wish::Part(start..end)
    } else {
        Wish::Beyond
    }
}

/// The two numbers of `bytes=first-last`, either of which may be missing.
fn ends(range: &str) -> Option<(Option<usize>, Option<usize>)> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    unit.trim().eq_ignore_ascii_case("bytes").then_some(())?;
    Some((number(first)?, number(last)?))
}

/// Nothing, or digits; more of them than a number holds are the greatest.
#[expect(clippy::option_option, reason = "no number is a value, and what is none is not")]
fn number(digits: &str) -> Option<Option<usize>> {
    let digits = digits.trim();
    let are_digits = digits.bytes().all(|octet| octet.is_ascii_digit());
    are_digits.then(|| (!digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(HeaderName, &str)]) -> Wish {
        let request = headers
            .iter()
            .fold(Request::get("/"), |request, (name, value)| request.header(name, *value));
        wish(&request.body(()).unwrap(), &HeaderValue::from_static("\"a\""), 100)
    }

    #[test]
    fn a_range_is_what_the_standard_says_however_odd() {
        let first_octet = usize::MAX.to_string();
        let beyond_numbers = format!("bytes=0-{}9", u64::MAX);
        for (range, wish) in [
            ("bytes=0-9", Wish::Part(0..10)),
            ("Bytes = 0 - 9", Wish::Part(0..10)),
            ("bytes=90-", Wish::Part(90..100)),
            ("bytes=99-99", Wish::Part(99..100)),
            ("bytes=-5", Wish::Part(95..100)),
            ("bytes=-100", Wish::Part(0..100)),
            ("bytes=-99999", Wish::Part(0..100)),
            ("bytes=0-18446744073709551615", Wish::Part(0..100)),
            (&beyond_numbers, Wish::Part(0..100)),
            ("bytes=-0", Wish::Beyond),
            ("bytes=100-", Wish::Beyond),
            (&format!("bytes={first_octet}-"), Wish::Beyond),
            ("bytes=9-0", Wish::Whole),
            ("bytes=-", Wish::Whole),
            ("bytes=", Wish::Whole),
            ("bytes=0-9,20-29", Wish::Whole),
            ("bytes=+1-9", Wish::Whole),
            ("bytes=a-b", Wish::Whole),
            ("bytes 0-9", Wish::Whole),
            ("lines=0-9", Wish::Whole),
        ] {
            assert_eq!(of(&[(header::RANGE, range)]), wish, "{range}");
        }
    }

    #[test]
    fn a_condition_is_what_the_standard_says_however_it_is_listed() {
        let (r#if, none, range) = (header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE);
        let part = (header::RANGE, "bytes=0-0");
        for (headers, wish) in [
            (vec![(none.clone(), "\"a\"")], Wish::Nothing),
            (vec![(none.clone(), "W/\"a\"")], Wish::Nothing),
            (vec![(none.clone(), "*")], Wish::Nothing),
            (vec![(none.clone(), "\"b\" , \"a\"")], Wish::Nothing),
            (vec![(none.clone(), "\"b\""), (none.clone(), "\"a\"")], Wish::Nothing),
            (vec![(none.clone(), "\"b\"")], Wish::Whole),
            (vec![(none.clone(), "a")], Wish::Whole),
            (vec![(none.clone(), "\"a\""), part.clone()], Wish::Nothing),
            (vec![(r#if.clone(), "\"a\"")], Wish::Whole),
            (vec![(r#if.clone(), "*")], Wish::Whole),
            (vec![(r#if.clone(), "W/\"a\"")], Wish::Another),
            (vec![(r#if.clone(), "garbage")], Wish::Another),
            (vec![(r#if.clone(), "\"b\""), (none, "\"a\"")], Wish::Another),
            (vec![(r#if, "\"b\", \"a\""), part.clone()], Wish::Part(0..1)),
            (vec![(range.clone(), "\"a\""), part.clone()], Wish::Part(0..1)),
            (vec![(range.clone(), "W/\"a\""), part.clone()], Wish::Whole),
            (vec![(range, "Wed, 25 Nov 2026 00:00:00 GMT"), part], Wish::Whole),
            (
                vec![(header::IF_MODIFIED_SINCE, "Wed, 25 Nov 2099 00:00:00 GMT")],
                Wish::Whole,
            ),
        ] {
            assert_eq!(of(&headers), wish, "{headers:?}");
        }
    }
}
