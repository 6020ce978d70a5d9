//! Templates: strict about variables, and silent about values.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minijinja::{Environment, UndefinedBehavior, Value, syntax::SyntaxConfig};
use thiserror::Error;

/// Why a file could not be rendered. Names the file and the variable, never a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RenderError {
    /// A template asks for something that nobody declared.
    #[error("{file} uses the variable \"{variable}\", which is not declared; declare it or correct the name")]
    UnknownVariable {
        /// The template.
        file: String,
        /// The variable.
        variable: String,
    },
    /// Something was declared or handed in that no template uses.
    #[error("{file} declares \"{variable}\", which no template uses; use it or remove it")]
    UnusedVariable {
        /// The file that declares it.
        file: String,
        /// The variable.
        variable: String,
    },
    /// A declared credential was not handed in.
    #[error("{file} needs the credential \"{variable}\", which was not handed in; generate it first")]
    MissingCredential {
        /// The file that declares it.
        file: String,
        /// The credential.
        variable: String,
    },
    /// A value cannot stand where it was put.
    #[error(
        "{file}: the value of \"{variable}\" holds a line break, a quote together with a backslash, or ends in a backslash: an env file cannot carry it"
    )]
    UnsafeValue {
        /// The file to be written.
        file: String,
        /// The variable.
        variable: String,
    },
    /// The template itself is wrong.
    #[error("{file}, line {line}: {why}")]
    Broken {
        /// The template.
        file: String,
        /// Where.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

/// Values by name.
pub(crate) type Variables = BTreeMap<String, Value>;

/// Snippets that templates may include, by name: `catalog/shared/*`.
pub(crate) type Shared = BTreeMap<String, String>;

/// Renders one template that includes nothing.
pub(crate) fn render(file: &str, text: &str, variables: &Variables) -> Result<String, RenderError> {
    render_with(file, text, variables, &Shared::new())
}

/// Renders one template that may include shared snippets.
pub(crate) fn render_with(
    file: &str,
    text: &str,
    variables: &Variables,
    shared: &Shared,
) -> Result<String, RenderError> {
    let missing = used(file, text, shared)?.into_iter().find(|name| !variables.contains_key(name));
    if let Some(variable) = missing {
        return Err(RenderError::UnknownVariable { file: file.to_owned(), variable });
    }
    let environment = environment(file, text, shared)?;
    let template = environment.get_template(file).map_err(|error| broken(file, &error))?;
    template.render(variables).map_err(|error| broken(file, &error))
}

/// The variables that a template uses, its includes counted.
pub(crate) fn used(file: &str, text: &str, shared: &Shared) -> Result<BTreeSet<String>, RenderError> {
    let environment = environment(file, text, shared)?;
    let mut found = BTreeSet::new();
    let mut open = vec![file.to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let template = environment.get_template(&name).map_err(|error| broken(file, &error))?;
        found.extend(template.undeclared_variables(false));
        let source = if name == file { text } else { shared.get(&name).map_or("", String::as_str) };
        open.extend(shared.keys().filter(|key| source.contains(&format!("include \"{key}\""))).cloned());
    }
    Ok(found)
}

fn environment(file: &str, text: &str, shared: &Shared) -> Result<Environment<'static>, RenderError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.map_err(|error| broken(file, &error))?);
    // Nothing rendered here is HTML that shows foreign text; escaping would corrupt secrets and URLs.
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    // A header of basic authentication wants it.
    environment.add_filter("base64", |text: String| STANDARD.encode(text));
    for (name, source) in shared {
        environment.add_template_owned(name.clone(), source.clone()).map_err(|error| broken(name, &error))?;
    }
    environment.add_template_owned(file.to_owned(), text.to_owned()).map_err(|error| broken(file, &error))?;
    Ok(environment)
}

fn broken(file: &str, error: &minijinja::Error) -> RenderError {
    // The error's detail quotes the template's own text, not values.
    RenderError::Broken {
        file: error.name().unwrap_or(file).to_owned(),
        line: error.line().unwrap_or(0),
        why: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
    }
}
