//! Who comes in, and where to: the decision about a request.

mod added_routes;
mod advice;
mod anonymous;
mod back_off;
mod causes;
mod decisions;
mod hosts;
mod report_mode;
mod require;
