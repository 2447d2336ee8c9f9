//! The address of an MLflow server, and who may use it.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ureq::http::Uri;

use crate::error::Error;

/// The address of a server: `http://HOST:PORT` or `https://HOST`, with a path where the server lies below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(String);

impl Server {
    /// The address of a call of the REST interface.
    pub(super) fn call(&self, name: &str) -> String {
        format!("{}/api/2.0/mlflow/{name}", self.0)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Server {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |found: String| Error::Setting {
            key: "the MLflow server".into(),
            expected: "an address such as http://127.0.0.1:5000".into(),
            found,
        };
        let uri: Uri = text.parse().map_err(|_| wrong(format!("{text:?}")))?;
        let host = uri.host().unwrap_or_default();
        if !matches!(uri.scheme_str(), Some("http" | "https")) || host.is_empty() {
            return Err(wrong(format!("{text:?}")));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong(
                "one with a user or password; MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and MLFLOW_TRACKING_TOKEN \
                 of the environment are for these"
                    .into(),
            ));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong(format!("{text:?}, with more behind its path")));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// Who uses a server.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A token.
    Token(String),
    /// A user with a password.
    Password {
        /// The user's name.
        user: String,
        /// The password.
        password: String,
    },
}

impl fmt::Debug for Credentials {
    /// Says nothing that is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Password { .. } => "Password",
        })
    }
}

impl Credentials {
    /// The value of the header `Authorization`.
    pub(super) fn header(&self) -> String {
        match self {
            Self::Token(token) => format!("Bearer {token}"),
            Self::Password { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_lie_below_the_address() {
        let server: Server = "https://example.org/mlflow/".parse().expect("an address");
        let call = server.call("runs/create");
        assert_eq!(call, "https://example.org/mlflow/api/2.0/mlflow/runs/create");
    }

    #[test]
    fn what_is_no_address_is_refused_and_no_password_is_repeated() {
        let wrong = [
            "",
            "localhost:5000",
            "file:///runs",
            "http://",
            "http://me:secret@host",
            "http://host/?a=1",
        ];
        let message = |text: &str| text.parse::<Server>().expect_err("no address").to_string();
        insta::assert_snapshot!(wrong.map(message).join("\n"), @r#"
        the MLflow server: expected an address such as http://127.0.0.1:5000, found ""
        the MLflow server: expected an address such as http://127.0.0.1:5000, found "localhost:5000"
        the MLflow server: expected an address such as http://127.0.0.1:5000, found "file:///runs"
        the MLflow server: expected an address such as http://127.0.0.1:5000, found "http://"
        the MLflow server: expected an address such as http://127.0.0.1:5000, found one with a user or password; MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD and MLFLOW_TRACKING_TOKEN of the environment are for these
        the MLflow server: expected an address such as http://127.0.0.1:5000, found "http://host/?a=1", with more behind its path
        "#);
    }

    #[test]
    fn headers_are_those_of_http() {
        // RFC 7617, section 2.
        let password =
            Credentials::Password { user: "Aladdin".into(), password: "open sesame".into() };
        assert_eq!(password.header(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{password:?}"), "Password");
        assert_eq!(Credentials::Token("abc".into()).header(), "Bearer abc");
    }
}
