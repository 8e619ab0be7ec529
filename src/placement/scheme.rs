//! The names of the schemes and their options, as a configuration gives them.

use super::catalogue::{ENTRIES, Entry, Extras};
use super::function::Function;
use super::key::{KeyRule, SALT_BYTES_MAX, Stop};
use super::table::Layout;
use std::fmt;

/// The scheme for those who start afresh.
pub const DEFAULT: &str = "ketama";

/// What maps keys to backends: a name and the values of its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    pub(super) function: Function,
    pub(super) layout: Layout,
    pub(super) rule: KeyRule,
    pub(super) points: u32,
    text: String,
}

/// The options of a scheme as they are written; what is not given takes its default. A field has
/// the name of its option.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The hash function, one of the scheme's.
    pub hash: Option<String>,
    /// twemproxy's `ketama`, `modula` or `random`.
    pub distribution: Option<String>,
    /// Two bytes: only what stands between them is hashed. Every scheme takes it.
    pub hash_tag: Option<String>,
    /// Left out where a key starts with it. Every scheme takes it.
    pub hash_strip_prefix: Option<String>,
    /// mcrouter's `salt`.
    pub salt: Option<String>,
    /// The `seed` of memcached's proxy.
    pub seed: Option<String>,
    /// The `filter` of memcached's proxy: `stop` or `tags`.
    pub filter: Option<String>,
    /// The `filter_conf` of memcached's proxy.
    pub filter_conf: Option<String>,
    /// The `omode` of memcached's proxy: `default`, `ketama`, `twemproxy` or `evcache`.
    pub omode: Option<String>,
    /// Points of a backend: the `obuckets` of memcached's proxy (160), the `ketama_points` of
    /// `Cache::Memcached::Fast` (150).
    pub points: Option<u32>,
}

/// A mistake in a scheme: an option and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemeError {
    /// The name of the option; `placement` for the scheme's own name.
    pub option: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What may be wrong with an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The value is not one of those that are known.
    Unknown {
        /// The value.
        value: String,
        /// Those that are known.
        known: Vec<&'static str>,
    },
    /// The scheme of this name has no such option.
    NotTaken(&'static str),
    /// The value has another form than this.
    Malformed(&'static str),
}

impl Scheme {
    /// The scheme of this name with these options, or all that is wrong with them.
    pub fn new(name: &str, options: &Options) -> Result<Self, Vec<SchemeError>> {
        let Some(entry) = ENTRIES.iter().find(|entry| entry.name == name) else {
            let problem =
                Problem::Unknown { value: name.to_owned(), known: Self::names().collect() };
            let unknown = SchemeError { option: "placement", problem };
            // The one option with a form that every scheme takes.
            return Err([unknown].into_iter().chain(hash_tag(options).err()).collect());
        };
        let taken = entry.taken(options);
        let mut errors = entry.not_taken(options, &taken);
        let options = &taken;
        let mut note = |error| errors.push(error);
        let function = entry.function(options).map_err(&mut note);
        let layout = entry.layout(options).map_err(&mut note);
        let tag = hash_tag(options).map_err(&mut note);
        let stop = entry.stop(options).map_err(&mut note);
        let salt = salt(options).map_err(&mut note);
        let points = entry.points(options).map_err(&mut note);
        let (Ok(function), Ok(layout), Ok(tag), Ok(stop), Ok(salt), Ok(points), true) =
            (function, layout, tag, stop, salt, points, errors.is_empty())
        else {
            // One option may choose both.
            errors.dedup();
            return Err(errors);
        };
        let strip_prefix =
            options.hash_strip_prefix.as_deref().unwrap_or_default().as_bytes().into();
        let rule = KeyRule { strip_prefix, tag, stop, salt };
        Ok(Self { function, layout, rule, points, text: entry.describe(options) })
    }

    /// The names of all schemes, ours first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ENTRIES.iter().map(|entry| entry.name)
    }

    /// Whether a backend of more weight gets more keys. Where it does not, a weight is worth a
    /// warning.
    pub fn honours_weights(&self) -> bool {
        self.layout.honours_weights()
    }
}

/// The name and the options that are in force: `libmemcached-modula, hash: default`.
impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Options {
    /// The options that only some schemes take, with their values.
    fn given(&self) -> impl Iterator<Item = (&'static str, String)> {
        let texts = [
            ("hash", &self.hash),
            ("distribution", &self.distribution),
            ("salt", &self.salt),
            ("seed", &self.seed),
            ("filter", &self.filter),
            ("filter_conf", &self.filter_conf),
            ("omode", &self.omode),
        ];
        let points = self.points.map(|points| ("points", points.to_string()));
        let text = |(name, value): (_, &Option<String>)| Some((name, value.clone()?));
        texts.into_iter().filter_map(text).chain(points)
    }
}

impl Entry {
    /// The options without those that are not for this scheme.
    fn taken(&self, options: &Options) -> Options {
        let only = |taken: bool, value: &Option<String>| value.clone().filter(|_| taken);
        let chooses = |option| self.layouts.0 == option;
        let proxy = self.extras == Extras::MemcachedProxy;
        Options {
            hash: only(!self.hashes.is_empty(), &options.hash),
            distribution: only(chooses("distribution"), &options.distribution),
            salt: only(self.extras == Extras::Mcrouter, &options.salt),
            seed: only(proxy, &options.seed),
            filter: only(proxy, &options.filter),
            filter_conf: only(proxy, &options.filter_conf),
            omode: only(chooses("omode"), &options.omode),
            points: options.points.filter(|_| self.points != 0),
            hash_tag: options.hash_tag.clone(),
            hash_strip_prefix: options.hash_strip_prefix.clone(),
        }
    }

    fn not_taken(&self, options: &Options, taken: &Options) -> Vec<SchemeError> {
        let is_taken = |option| taken.given().any(|given| given.0 == option);
        let given = options.given().filter(|given| !is_taken(given.0));
        let error = |option| SchemeError { option, problem: Problem::NotTaken(self.name) };
        given.map(|given| error(given.0)).collect()
    }

    fn function(&self, options: &Options) -> Result<Function, SchemeError> {
        let function = match &options.hash {
            Some(hash) => choose("hash", hash, self.hashes)?,
            None => self.function,
        };
        // Only XXH3 takes the seed, itself a text to be hashed.
        Ok(match (function, &options.seed) {
            (Function::Xxh3 { seed }, Some(text)) => {
                Function::Xxh3 { seed: Function::Xxh3 { seed }.hash(text.as_bytes()) }
            }
            _ => function,
        })
    }

    fn layout(&self, options: &Options) -> Result<Layout, SchemeError> {
        let (option, layouts) = self.layouts;
        let value = options.given().find(|given| given.0 == option);
        value.map_or(Ok(self.layout), |(_, value)| choose(option, &value, layouts))
    }

    fn stop(&self, options: &Options) -> Result<Stop, SchemeError> {
        let malformed =
            |option, form| Err(SchemeError { option, problem: Problem::Malformed(form) });
        if self.extras == Extras::Mcrouter {
            return Ok(Stop::At(b"|#|"[..].into()));
        }
        let conf = options.filter_conf.as_deref().unwrap_or_default().as_bytes();
        match (options.filter.as_deref(), conf.len()) {
            (None, 0) => Ok(Stop::Nothing),
            (None, _) => malformed("filter_conf", "a filter (stop or tags) beside it"),
            (Some("stop"), 2..=5) => Ok(Stop::At(conf.into())),
            (Some("stop"), _) => malformed("filter_conf", "2 to 5 bytes for the filter stop"),
            (Some("tags"), 2) => Ok(Stop::Between([conf[0], conf[1]])),
            (Some("tags"), _) => malformed("filter_conf", "2 bytes for the filter tags"),
            (Some(other), _) => {
                let problem =
                    Problem::Unknown { value: other.to_owned(), known: vec!["stop", "tags"] };
                Err(SchemeError { option: "filter", problem })
            }
        }
    }

    fn points(&self, options: &Options) -> Result<u32, SchemeError> {
        match options.points {
            Some(0) => {
                let problem = Problem::Malformed("a number from 1 on");
                Err(SchemeError { option: "points", problem })
            }
            points => Ok(points.unwrap_or(self.points)),
        }
    }

    fn describe(&self, options: &Options) -> String {
        let mut text = self.name.to_owned();
        let by_default = self.hashes.iter().find(|choice| choice.1 == self.function);
        if let (None, Some((hash, _))) = (&options.hash, by_default) {
            text += &format!(", hash: {hash}");
        }
        let tag = options.hash_tag.clone().map(|value| ("hash_tag", value));
        let prefix = options.hash_strip_prefix.clone().map(|value| ("hash_strip_prefix", value));
        for (option, value) in options.given().chain(tag).chain(prefix) {
            text += &format!(", {option}: {value}");
        }
        text
    }
}

fn hash_tag(options: &Options) -> Result<Option<[u8; 2]>, SchemeError> {
    let problem = Problem::Malformed("two bytes, like {}");
    let tag = options.hash_tag.as_ref().map(|tag| tag.as_bytes().try_into()).transpose();
    tag.map_err(|_| SchemeError { option: "hash_tag", problem })
}

fn salt(options: &Options) -> Result<Box<[u8]>, SchemeError> {
    let salt = options.salt.as_deref().unwrap_or_default().as_bytes();
    if salt.len() > SALT_BYTES_MAX {
        let problem = Problem::Malformed("at most 250 bytes");
        return Err(SchemeError { option: "salt", problem });
    }
    Ok(salt.into())
}

/// In any case of letters, as these names come in several.
fn choose<T: Copy>(
    option: &'static str,
    value: &str,
    choices: &[(&'static str, T)],
) -> Result<T, SchemeError> {
    let chosen = choices.iter().find(|choice| choice.0.eq_ignore_ascii_case(value));
    chosen.map(|choice| choice.1).ok_or_else(|| {
        let known = choices.iter().map(|choice| choice.0).collect();
        SchemeError { option, problem: Problem::Unknown { value: value.to_owned(), known } }
    })
}

impl fmt::Display for SchemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, problem } = self;
        match problem {
            Problem::Unknown { value, known } => {
                write!(f, "unknown {option} \"{value}\"; expected one of {}", known.join(", "))
            }
            Problem::NotTaken(scheme) => write!(f, "placement {scheme} takes no {option}"),
            Problem::Malformed(form) => write!(f, "malformed {option}; expected {form}"),
        }
    }
}

impl std::error::Error for SchemeError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(name: &str, options: &Options) -> Vec<String> {
        let errors = Scheme::new(name, options).expect_err("errors");
        errors.iter().map(ToString::to_string).collect()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn names_are_known_once_and_the_default_is_the_first() {
        let mut names: Vec<_> = Scheme::names().collect();
        assert_eq!(names[0], DEFAULT);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ENTRIES.len());
    }

    #[test]
    fn every_choice_can_be_chosen_and_the_default_is_one_of_them() {
        for entry in ENTRIES {
            assert!(Scheme::new(entry.name, &Options::default()).is_ok(), "{}", entry.name);
            let hashes = entry.hashes;
            let is_default = |choice: &(&str, Function)| choice.1 == entry.function;
            assert!(hashes.is_empty() || hashes.iter().any(is_default), "{}", entry.name);
            for (hash, function) in hashes {
                let options = Options { hash: some(hash), ..Options::default() };
                let scheme = Scheme::new(entry.name, &options).expect(hash);
                assert_eq!(scheme.function, *function, "{scheme}");
            }
            let (option, layouts) = entry.layouts;
            for (value, layout) in layouts {
                let mut options = Options::default();
                *match option {
                    "hash" => &mut options.hash,
                    "omode" => &mut options.omode,
                    _ => &mut options.distribution,
                } = some(value);
                let scheme = Scheme::new(entry.name, &options).expect(value);
                assert_eq!(scheme.layout, *layout, "{scheme}");
            }
        }
    }

    #[test]
    fn a_scheme_says_what_is_in_force() {
        let text = |name, options: Options| Scheme::new(name, &options).expect(name).to_string();
        assert_eq!(text("ketama", Options::default()), "ketama");
        assert_eq!(text("twemproxy", Options::default()), "twemproxy, hash: fnv1a_64");
        let hash = Options { hash: some("md5"), hash_tag: some("{}"), ..Options::default() };
        assert_eq!(text("twemproxy", hash), "twemproxy, hash: md5, hash_tag: {}");
        let seeded = Options { seed: some("x"), points: Some(8), ..Options::default() };
        let expected = "memcached-proxy-ring, hash: xxhash, seed: x, points: 8";
        assert_eq!(text("memcached-proxy-ring", seeded), expected);
    }

    #[test]
    fn all_that_is_wrong_is_said() {
        let typo = errors("ketma", &Options::default());
        assert!(typo[0].starts_with("unknown placement \"ketma\"; expected one of ketama, jump, "));
        assert_eq!(typo.len(), 1);
        let both = errors("ketma", &Options { hash_tag: some("{"), ..Options::default() });
        assert_eq!(both[1..], ["malformed hash_tag; expected two bytes, like {}"]);
        let options = Options {
            hash: some("md6"),
            distribution: some("modular"),
            hash_tag: some("{"),
            salt: some("x"),
            points: Some(0),
            ..Options::default()
        };
        assert_eq!(
            errors("twemproxy", &options),
            [
                "placement twemproxy takes no salt",
                "placement twemproxy takes no points",
                "unknown hash \"md6\"; expected one of one_at_a_time, md5, crc16, crc32, crc32a, \
                 fnv1_64, fnv1a_64, fnv1_32, fnv1a_32, hsieh, murmur, jenkins",
                "unknown distribution \"modular\"; expected one of ketama, modula, random",
                "malformed hash_tag; expected two bytes, like {}",
            ]
        );
        let options = Options { hash: some("md5"), filter_conf: some("x"), ..Options::default() };
        let expected = ["placement ketama takes no hash", "placement ketama takes no filter_conf"];
        assert_eq!(errors("ketama", &options), expected);
        let options = Options { points: Some(0), ..Options::default() };
        let expected = ["malformed points; expected a number from 1 on"];
        assert_eq!(errors("cache-memcached-fast-ketama", &options), expected);
    }

    #[test]
    fn options_of_the_other_proxies_have_their_forms() {
        for (filter, conf, expected) in [
            (None, some("{}"), "malformed filter_conf; expected a filter (stop or tags) beside it"),
            (
                some("stop"),
                None,
                "malformed filter_conf; expected 2 to 5 bytes for the filter stop",
            ),
            (
                some("tags"),
                some("{"),
                "malformed filter_conf; expected 2 bytes for the filter tags",
            ),
            (some("tag"), some("{}"), "unknown filter \"tag\"; expected one of stop, tags"),
        ] {
            let options = Options { filter, filter_conf: conf, ..Options::default() };
            assert_eq!(errors("memcached-proxy-jump", &options), [expected]);
        }
        let options = Options { hash: some("ch4"), ..Options::default() };
        let unknown = "unknown hash \"ch4\"; expected one of ch3, weightedch3, crc32, rendezvous";
        assert_eq!(errors("mcrouter", &options), [unknown]);
        let salt = Some("x".repeat(251));
        let salt = errors("mcrouter", &Options { salt, ..Options::default() });
        assert_eq!(salt, ["malformed salt; expected at most 250 bytes"]);
    }
}
