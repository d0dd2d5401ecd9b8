//! What the house rules say of the source and of the documents beside it.

mod floors;
mod program;
mod recipes;
mod rows;
mod seals;
mod source;
