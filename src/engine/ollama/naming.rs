//! Where the requests of a route name models.

use super::body::Members;

/// Where the requests of a route name the models that they are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// nowhere: they are about all models, or none
    Nowhere,
    /// in the answer, which lists them
    List,
    /// in the path, as its parameter
    Path,
    /// in the body, as `model`
    Model,
    /// in the body, as `model` or else as `name`
    ModelOrName,
    /// in the body: as above the one to be, and as `from` the one that it is made of, if any
    Create,
    /// in the body, as `source` and as `destination`
    Copy,
    /// in a form, as `model`
    Form,
    /// nowhere, although they bring a part of one
    Blob,
    /// the gate does not know: the configuration maps the route
    Unknown,
}

impl Naming {
    /// The members that must name a model, each by what it may be called, where the model is in the
    /// body.
    pub const fn required(self) -> &'static [&'static [Named]] {
        const MODEL: &[Named] = &[Named::Model];
        const MODEL_OR_NAME: &[Named] = &[Named::Model, Named::Name];
        match self {
            Self::Nowhere | Self::List | Self::Path | Self::Blob => &[],
            Self::Model | Self::Form | Self::Unknown => &[MODEL],
            Self::ModelOrName | Self::Create => &[MODEL_OR_NAME],
            Self::Copy => &[&[Named::Source], &[Named::Destination]],
        }
    }
}

/// A member that names a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named as in the body
pub enum Named {
    Model,
    Name,
    Source,
    Destination,
    From,
}

impl Named {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Model,
        Self::Name,
        Self::Source,
        Self::Destination,
        Self::From,
    ];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Name => "name",
            Self::Source => "source",
            Self::Destination => "destination",
            Self::From => "from",
        }
    }

    /// The model that it names in `members`. An empty name is none, as it is for Ollama.
    pub fn of(self, members: &Members) -> Option<&str> {
        let name = match self {
            Self::Model => &members.model,
            Self::Name => &members.name,
            Self::Source => &members.source,
            Self::Destination => &members.destination,
            Self::From => &members.from,
        };
        name.as_deref().filter(|name| !name.is_empty())
    }
}
