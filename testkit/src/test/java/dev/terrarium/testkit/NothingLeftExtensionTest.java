package dev.terrarium.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.Extension;

final class NothingLeftExtensionTest {
  @Test
  void isFoundByAutomaticRegistration() {
    assertThat(ServiceLoader.load(Extension.class))
        .hasAtLeastOneElementOfType(NothingLeftExtension.class);
  }
}
