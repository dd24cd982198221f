//! Parameters of a call, from the query or the form.

use crate::error::ApiError;
use crate::percent;

/// Parameters that one call may have.
const MOST: usize = 100;

/// The parameters of a call. No `Debug` of the values: they hold file content.
#[derive(Clone)]
pub(crate) struct Params(Vec<(String, String)>);

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl Params {
    /// Reads a query or a form body.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ApiError> {
        let pairs = percent::pairs(text);
        if pairs.len() > MOST {
            return Err(ApiError::invalid("Query", "there are too many parameters"));
        }
        let read = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|_| ApiError::invalid("Query", "a parameter is not UTF-8"))
        };
        pairs
            .into_iter()
            .map(|(name, value)| Ok((read(name)?, read(value)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Reads a query and a form body; one may stand in either.
    pub(crate) fn parse_both(query: &str, form: &[u8]) -> Result<Self, ApiError> {
        let (mut params, Self(more)) = (Self::parse(query.as_bytes())?, Self::parse(form)?);
        params.0.extend(more);
        Ok(params)
    }

    /// What was read from elsewhere.
    pub(crate) fn of<const N: usize>(pairs: [(&str, Option<&str>); N]) -> Self {
        let there = pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        Self(there.collect())
    }

    /// What a form with parts says.
    pub(crate) fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// A parameter, if it was sent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value)
    }

    /// A parameter that must be there and not empty.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| ApiError::missing(name))
    }

    /// A whole number that must be there.
    pub(crate) fn required_number(&self, name: &str) -> Result<u64, ApiError> {
        self.required(name)?.parse().map_err(|_| ApiError::invalid(name, "it is not a whole number"))
    }

    /// A whole number from 1 to `most`, or `default`.
    pub(crate) fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, ApiError> {
        let Some(text) = self.get(name).filter(|text| !text.is_empty()) else {
            return Ok(default);
        };
        match text.parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(ApiError::invalid(name, &format!("it is not in 1 to {most}"))),
        }
    }
}
