// SPDX-License-Identifier: Apache-2.0
import type { components } from './schema.gen';

type Schemas = components['schemas'];

/** A type of docs/reference/openapi.json by its name there. The file of a resource gives it the name the pages use. */
export type Schema<Name extends keyof Schemas> = Schemas[Name];
