package dev.terrarium.examples;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the first page shows is copied by everybody: it has to compile and run as it stands there.
final class ReadmeTest {
  private static final Path README = Path.of("../README.md");

  @TempDir private Path directory;

  /// Its imports were missing.
  @Test
  void itsProgramCompilesAndPrintsWhatItSays() throws Exception {
    Path source = write("FirstCall.java", "java");
    write("textstats.py", "python");
    String classPath = System.getProperty("java.class.path") + File.pathSeparator + directory;
    compile(source, classPath);
    Process program =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                classPath,
                "FirstCall")
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .start();
    String said = new String(program.getInputStream().readAllBytes(), UTF_8);
    assertThat(program.waitFor()).as(said).isZero();
    assertThat(said.lines()).contains("3 words, 2 of them \"a\"");
  }

  private Path write(String name, String language) throws IOException {
    return Files.writeString(directory.resolve(name), firstBlock(language));
  }

  private static String firstBlock(String language) throws IOException {
    Matcher block =
        Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(README));
    assertThat(block.find()).isTrue();
    return block.group(1);
  }

  private void compile(Path source, String classPath) {
    var said = new StringWriter();
    var out = new PrintWriter(said);
    int status =
        ToolProvider.findFirst("javac")
            .orElseThrow()
            .run(out, out, "-cp", classPath, "-d", directory.toString(), source.toString());
    assertThat(status).as(said::toString).isZero();
  }
}
