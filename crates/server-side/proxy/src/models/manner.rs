//! What the proxy adds to a body, said as a provider's model wants it.
//!
//! Nobody can know beforehand whether a model wants `max_tokens` or `max_completion_tokens`. Where the configuration
//! does not say it, the provider's own refusal does; then it is asked again at once, and the next time at first.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use letsbe_types::{
    asked::{BoundWord, Form},
    link::Target,
};

use super::{dialect::unsupported, wish::Added};

/// Most models that are remembered; there are never so many in a configuration.
const REMEMBERED: usize = 256;

/// What was found out about models, by provider and name.
#[derive(Debug, Default)]
pub(crate) struct Manners(Mutex<BTreeMap<(String, String), Added>>);

impl Manners {
    /// What is added, as this target is known to want it.
    pub(crate) fn suited(&self, target: &Target, added: Added) -> Added {
        let known = self.known().get(&key(target)).copied();
        let of_chat = |word: &&str| Form::Chat.bounds().contains(word);
        let taken = known.and_then(|known| known.bound).map(|(word, _)| word).filter(of_chat);
        let wanted = taken.or(target.bound_word.map(BoundWord::name));
        let word = |word: &'static str| wanted.filter(|_| of_chat(&word)).unwrap_or(word);
        let bound = added.bound.map(|(name, most)| (word(name), most));
        Added { bound, usage: added.usage && known.is_none_or(|known| known.usage) }
    }

    /// This target took it so.
    pub(crate) fn remember(&self, target: &Target, added: Added) {
        let mut known = self.known();
        if known.len() < REMEMBERED {
            known.insert(key(target), added);
        }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<(String, String), Added>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(target: &Target) -> (String, String) {
    (target.provider.clone(), target.model.clone())
}

/// The same said otherwise, if a refusal is about what the proxy has added.
pub(crate) fn otherwise(form: Form, added: Added, status: u16, refusal: &[u8]) -> Option<Added> {
    if let Some((word, most)) = added.bound
        && unsupported(status, refusal, word)
    {
        let other = form.bounds().iter().find(|other| **other != word)?;
        return Some(Added { bound: Some((other, most)), ..added });
    }
    (added.usage && unsupported(status, refusal, "stream_options")).then_some(Added { usage: false, ..added })
}

#[cfg(test)]
mod tests {
    use letsbe_types::{asked::BoundWord, link::Target};

    use super::{Added, Form, Manners, otherwise};

    const ADDED: Added = Added { bound: Some(("max_tokens", 7)), usage: true };

    #[test]
    fn what_is_refused_for_our_own_word_is_said_with_the_other() {
        let refusal =
            |field: &str| format!(r#"{{"error":{{"message":"Unsupported parameter: '{field}'"}}}}"#);
        let again = |field: &str, added| otherwise(Form::Chat, added, 400, refusal(field).as_bytes());
        let other = Added { bound: Some(("max_completion_tokens", 7)), ..ADDED };
        assert_eq!(again("max_tokens", ADDED), Some(other));
        assert_eq!(again("max_completion_tokens", other), Some(ADDED));
        assert_eq!(again("stream_options", ADDED), Some(Added { usage: false, ..ADDED }));
        assert_eq!(again("stream_options", Added { usage: false, ..ADDED }), None);
        assert_eq!(again("temperature", ADDED), None);
        let only = Added { bound: Some(("max_output_tokens", 7)), usage: false };
        assert_eq!(otherwise(Form::Responses, only, 400, refusal("max_output_tokens").as_bytes()), None);
    }

    #[test]
    fn what_a_target_took_is_said_so_the_next_time() {
        let target = |model: &str| Target { provider: "one".into(), model: model.into(), bound_word: None };
        let manners = Manners::default();
        manners.remember(&target("new"), Added { bound: Some(("max_completion_tokens", 7)), usage: false });
        let next = Added { bound: Some(("max_tokens", 9)), usage: true };
        let suited = Added { bound: Some(("max_completion_tokens", 9)), usage: false };
        assert_eq!(manners.suited(&target("new"), next), suited);
        assert_eq!(manners.suited(&target("old"), next), next);
        let response = Added { bound: Some(("max_output_tokens", 9)), usage: false };
        assert_eq!(manners.suited(&target("new"), response), response, "another endpoint has another word");
    }

    #[test]
    fn a_model_is_asked_with_the_word_of_the_configuration_until_it_takes_the_other() {
        let set = BoundWord::MaxCompletionTokens;
        let target = Target { provider: "one".into(), model: "new".into(), bound_word: Some(set) };
        let manners = Manners::default();
        let asked = |word| Added { bound: Some((word, 9)), usage: true };
        assert_eq!(manners.suited(&target, asked("max_tokens")), asked("max_completion_tokens"));
        assert_eq!(manners.suited(&target, asked("max_output_tokens")), asked("max_output_tokens"));
        manners.remember(&target, asked("max_tokens"));
        assert_eq!(manners.suited(&target, asked("max_completion_tokens")), asked("max_tokens"));
    }
}
