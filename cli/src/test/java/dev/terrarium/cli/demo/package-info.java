@NullMarked
package dev.terrarium.cli.demo;

import org.jspecify.annotations.NullMarked;
