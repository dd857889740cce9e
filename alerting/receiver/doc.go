// SPDX-License-Identifier: Apache-2.0

// Package receiver says what a notifier is: the message that it sends, how one attempt ends, and the table of the types there are.
//
// A type is a package below this one. It has a struct for its config, a function from such a config to a Notifier, and a row in the
// table that the program hands to alerting (internal/app). Reading and checking of configs, their secrets and their description in
// the API's document are done here for all types alike:
//
//   - The struct's JSON fields are the keys of the config. An unknown key is refused by its name.
//   - A field with the tag writeOnly:"true" is a secret. It is stored, never shown, and kept by a change that does not name it. Beside it
//     stands a bool with the tag readOnly:"true" and "_set" after the secret's name, which says whether there is one.
package receiver
