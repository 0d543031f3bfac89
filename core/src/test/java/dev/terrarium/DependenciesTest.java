package dev.terrarium;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/// What those who depend on the library get with it, as its pom says, which is the one that is
/// published.
final class DependenciesTest {
  @Test
  void whoUsesTheLibraryGetsJacksonSlf4jAndJSpecify() throws Exception {
    Map<String, String> scopes = new TreeMap<>();
    NodeList all =
        DocumentBuilderFactory.newDefaultInstance()
            .newDocumentBuilder()
            .parse(Path.of("pom.xml").toFile())
            .getElementsByTagName("dependency");
    for (int i = 0; i < all.getLength(); i++) {
      Element dependency = (Element) all.item(i);
      scopes.put(text(dependency, "artifactId", ""), text(dependency, "scope", "compile"));
    }
    assertThat(scopes).containsEntry("error_prone_annotations", "provided");
    scopes.values().removeIf(scope -> !scope.equals("compile"));
    assertThat(scopes).containsOnlyKeys("jackson-databind", "jspecify", "slf4j-api");
  }

  private static String text(Element element, String name, String otherwise) {
    NodeList found = element.getElementsByTagName(name);
    return found.getLength() == 0 ? otherwise : found.item(0).getTextContent();
  }
}
