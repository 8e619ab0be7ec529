//! The environment: a variable for each flag that is a setting, for containers.
//!
//! A variable that nobody knows is a warning and not an error: the environment is inherited, and
//! written by others too. Kubernetes puts some of this very prefix there for a service that is
//! called nodeproxy.

use super::options::{self, Setting};
use super::problems::{Problems, quoted};
use std::ffi::OsString;

/// What the names of all variables begin with.
const PREFIX: &str = "NODEPROXY_";

/// The settings that the environment has.
#[derive(Debug, Default)]
pub struct Environment {
    /// The names of variables with their values.
    given: Vec<(&'static str, String)>,
    /// What is in it and has no effect, a line each.
    pub(super) warnings: Vec<String>,
}

impl Environment {
    /// From the variables of a process. An empty one is as none: that is how it is unset where
    /// files of settings are filled in. The error says which is wrong.
    pub fn read(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, String> {
        let mut environment = Self::default();
        let ours = |name: &OsString| name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        let mut variables: Vec<_> = variables.into_iter().filter(|(name, _)| ours(name)).collect();
        // The system has them in any order.
        variables.sort();
        for (name, value) in variables {
            let name = name.to_string_lossy();
            if value.is_empty() || is_of_kubernetes(&name, &value.to_string_lossy()) {
                continue;
            }
            let Some(setting) = options::all().find(|setting| setting.variable == name) else {
                environment.warnings.push(unknown(&name));
                continue;
            };
            let value = value.into_string().map_err(|value| {
                format!("{name}: {value:?} is not UTF-8; expected a value in UTF-8")
            })?;
            environment.given.push((setting.variable, value));
        }
        Ok(environment)
    }

    /// What it has for this setting.
    pub(super) fn get(&self, setting: &Setting) -> Option<&str> {
        let mut given = self.given.iter();
        given.find(|it| it.0 == setting.variable).map(|it| it.1.as_str())
    }
}

fn unknown(name: &str) -> String {
    let known = options::all().map(|setting| setting.variable);
    let near = Problems::new("").suggestion(name, known);
    format!(
        "{} in the environment has no effect, since there is no such setting{near}",
        quoted(name)
    )
}

/// Whether Kubernetes has put it there, for a service whose name begins with nodeproxy:
/// `NODEPROXY_SERVICE_HOST`, `NODEPROXY_PORT=tcp://10.0.0.1:11111`,
/// `NODEPROXY_PORT_11111_TCP_ADDR`.
fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let about_a_port = name.ends_with("_PORT") && value.contains("://");
    about_a_port || name.contains("_SERVICE_") || name.contains("_PORT_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    fn read(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Environment::read(variables).expect("text")
    }

    #[test]
    fn what_is_set_is_found_and_what_is_empty_is_not() {
        let environment = read(&[
            ("NODEPROXY_TIMEOUT", "250"),
            ("NODEPROXY_HASH", ""),
            ("NODEPROXY", "x"),
            ("TIMEOUT", "1"),
        ]);
        assert_eq!(environment.given, [("NODEPROXY_TIMEOUT", "250".into())]);
        assert!(environment.warnings.is_empty());
    }

    #[test]
    fn what_is_unknown_is_told_with_what_may_have_been_meant() {
        assert_eq!(
            read(&[("NODEPROXY_X", "1"), ("NODEPROXY_SERVER", "a:1")]).warnings,
            [
                "\"NODEPROXY_SERVER\" in the environment has no effect, since there is no such \
                 setting; did you mean \"NODEPROXY_SERVERS\"?",
                "\"NODEPROXY_X\" in the environment has no effect, since there is no such setting",
            ]
        );
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_is_not_taken_for_a_setting() {
        let environment = read(&[
            ("NODEPROXY_SERVICE_HOST", "10.0.0.1"),
            ("NODEPROXY_SERVICE_PORT_MEMCACHE", "11111"),
            ("NODEPROXY_PORT", "tcp://10.0.0.1:11111"),
            ("NODEPROXY_PORT_11111_TCP_ADDR", "10.0.0.1"),
            ("NODEPROXY_EAST_PORT", "tcp://10.0.0.2:11111"),
        ]);
        assert!(environment.given.is_empty(), "{environment:?}");
        assert!(environment.warnings.is_empty(), "{environment:?}");
        assert_eq!(read(&[("NODEPROXY_PORT", "1")]).get(&options::PORT), Some("1"));
    }

    #[test]
    fn a_value_that_is_no_text_is_an_error() {
        let variable = ("NODEPROXY_SERVERS".into(), OsString::from_vec(b"a\xff:1".to_vec()));
        let wrong = Environment::read([variable]).expect_err("no text");
        let expected = "NODEPROXY_SERVERS: \"a\\xFF:1\" is not UTF-8; expected a value in UTF-8";
        assert_eq!(wrong, expected);
    }
}
