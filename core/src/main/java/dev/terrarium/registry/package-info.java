/// What a runtime writes down so that the next one can clean up after it: its directory, its lock
/// and its ledger.
@NullMarked
package dev.terrarium.registry;

import org.jspecify.annotations.NullMarked;
